"""A tick of the station's obligations: nothing due, and a thousand due at once; reference: a hundredth as many open."""

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


def measure(_ground: Ground) -> dict[str, Any]:
    """Return seconds of a tick by how many are open."""
    found: dict[str, Any] = {"what": "seconds of one tick, by open obligations; unsigned, not sent"}
    found |= {str(size): _tick(size) for size in SIZES}
    small, large = (found[str(size)] for size in SIZES)
    found["ratio"] = {name: round(large[name] / small[name], 2) for name in small}
    return found


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
