"""The bulletin of a quarter of 10,000 events, from an inbox to the PDF; reference: a tenth as many."""

from __future__ import annotations

import json
import re
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import peak_mib, say, significant
from tests.schemas.payloads.examples import CRIME, FEEDBACK, FIRE, HOTSPOT, REPORT
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import NOW, World
from yizhan.bulletin.material import Material
from yizhan.bulletin.pdf import pdf
from yizhan.bulletin.proof import CitedManifest, Proof
from yizhan.bulletin.sheet import sheet
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import written
from yizhan.services.quarters import quarter_figures

if TYPE_CHECKING:
    from bench.harness import Ground

SIZES = (1_000, 10_000)
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("yizhan.incident.eco_crime.v1", CRIME),
    ("yizhan.incident.forest_fire.v1", FIRE),
    ("yizhan.intelligence.report.v1", REPORT),
    ("yizhan.intelligence.feedback.v1", FEEDBACK),
    ("yizhan.incident.hotspot.v1", HOTSPOT),
)


def measure(_ground: Ground) -> dict[str, Any]:
    """Return seconds of each step, pages and MiB by the number of events."""
    found: dict[str, Any] = {
        "what": "seconds from the inbox to the PDF, by events of the quarter; the ratio is of processor time"
    }
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="yizhan-quarter-") as there:
            found[str(size)] = _made(Path(there), size)
        say(f"bulletin: {size} events in {found[str(size)]['seconds']} s")
    small, large = (found[str(size)]["cpu_seconds"] / size for size in (SIZES[0], SIZES[-1]))
    return found | {"ratio_per_event": significant(large / small)}


def _fill(listener: Listener, world: World, size: int) -> None:
    """Let the inbox receive a quarter's events and their manifest."""
    hashes = []
    for begin in range(0, size, 500):
        records = []
        for number in range(begin, min(size, begin + 500)):
            type_, payload = KINDS[number % len(KINDS)]
            header = world.header(PARTNER, (ME,), type=type_, time=written(NOW - timedelta(minutes=number)))
            value = world.seal(header, json.dumps(payload, ensure_ascii=False).encode())
            records.append(listener.stamped(value, kind="digest"))
            hashes.append(parse_envelope(value).hash)
        listener.inbox.receive_many(records)
    label = Quarter.containing(NOW, world.charter.time_zone)
    record, _ = listener.manifest(hashes, label=str(label), closed=written(label.end(world.charter.time_zone)))
    listener.inbox.receive(record)


def _made(folder: Path, size: int) -> dict[str, Any]:
    world = World((ME, PARTNER))
    listener = Listener(world, folder / "inbox.sqlite3")
    _fill(listener, world, size)
    label = str(Quarter.containing(NOW, world.charter.time_zone))
    steps, begun, worked = {}, time.monotonic(), time.process_time()
    made, held = quarter_figures(listener.inbox, None, label, (ME, PARTNER), world.charters)
    steps["count"] = time.monotonic() - begun
    if made["letters"] != size:
        raise RuntimeError(f"{made['letters']} of {size} events were counted")
    proof = Proof({ME: tuple(CitedManifest.of(each.manifest, each.hash.hex()) for each in held.digests)}, held.doubts)
    names = {code: member.name.zh for code, member in world.charter.members.items()}
    drawn = sheet(Material(made, held.events, proof, names, ME, NOW))
    steps["lay_out"] = time.monotonic() - begun - steps["count"]
    printed = pdf(drawn, NOW)
    steps["print"] = time.monotonic() - begun - steps["count"] - steps["lay_out"]
    worked = time.process_time() - worked
    listener.inbox.close()
    return {
        "seconds": significant(sum(steps.values())),
        "cpu_seconds": significant(worked),
        "steps": {name: significant(value) for name, value in steps.items()},
        "pages": max(map(int, re.findall(rb"/Count ([0-9]+)", printed)), default=0),
        "mib": significant(len(printed) / (1 << 20)),
        "peak_mib": peak_mib(),
    }
