"""A tick of the station's obligations: nothing due, and a thousand due at once; reference: a hundredth as many open.

Also an event of a thread that holds ten thousand; reference: one of a thread that holds a hundred.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.world.simulator import World
from yizhan.schemas.header import Header
from yizhan.schemas.obligation_engine import ObligationEngine

if TYPE_CHECKING:
    from bench.harness import Ground

A, B = "331126", "350924"
BEGIN = datetime(2026, 11, 24, 4, tzinfo=UTC)
SIZES = (1_000, 100_000)
DUE_AT_ONCE = 1_000
THREAD = 10_000


def measure(_ground: Ground) -> dict[str, Any]:
    """Return seconds of a tick by how many are open."""
    found: dict[str, Any] = {"what": "seconds of one tick, by open obligations; unsigned, not sent"}
    found |= {str(size): _tick(size) for size in SIZES}
    small, large = (found[str(size)] for size in SIZES)
    found["ratio"] = {name: round(large[name] / small[name], 2) for name in small}
    thread = _thread(THREAD)
    found["thread"] = {
        "what": "seconds of a fire: the first hundred, and the last hundred of ten thousand, in one thread",
        **thread,
        "last of 10,000 in a thread ÷ the first": round(thread["last"] / thread["first"], 2),
    }
    return found


def _thread(size: int) -> dict[str, float]:
    """Take fires of one thread, one after another; return the median seconds of the first and the last of them."""
    world, book, took = World((A, B)), ObligationEngine(), []
    first = world.header(B, (A,), touches=(A,))
    for number in range(1, size + 1):
        header = first.model_copy(update={"id": f"{B}-bench0001-{number}", "subject": first.id})
        begun = time.perf_counter()
        book.observe(header, number.to_bytes(32), {A: "alarm"}, BEGIN + timedelta(milliseconds=number), world.charter)
        took.append(time.perf_counter() - begun)
    return {"first": round(statistics.median(took[:100]), 6), "last": round(statistics.median(took[-100:]), 6)}


def _tick(size: int) -> dict[str, float]:
    world, book = World((A, B)), ObligationEngine()
    first = world.header(B, (A,), type="yizhan.assistance.request.v1", wants="identity", priority="urgent")
    for number in range(size):
        header = Header.model_construct(**(dict(first) | {"id": f"{B}-bench0001-{number + 1}"}))
        opened = BEGIN - timedelta(days=number < DUE_AT_ONCE)
        book.observe(header, number.to_bytes(32), {A: "notice"}, opened, world.charter)
    book.tick(BEGIN, world.charters)
    idle = []
    for second in range(1, 8):
        begun = time.perf_counter()
        book.tick(BEGIN + timedelta(seconds=second), world.charters)
        idle.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    # The morning of the third day after the opening: of those that were opened a day before.
    said = book.tick(BEGIN + timedelta(days=2), world.charters)
    busy = time.perf_counter() - begun
    return {"nothing_due": round(statistics.median(idle), 6), "thousand_due": round(busy, 4), "said": len(said)}
