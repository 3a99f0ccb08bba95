"""One run of the year: the ground under it, the clock's stops, and what is compared at its end."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from tests.world.processes import STATION_READY, YIZHAN, running
from tests.year import table
from tests.year.events import BEIJING
from tests.year.play import Year
from tests.year.predicted import Step, predict
from yizhan.bulletin.figures import canonical
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.home import bring_up
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.charter import AdoptedCharters, Charter
from yizhan.schemas.sample import SIX, TWO
from yizhan.services.sample import make_sample

SINCE = datetime(2025, 12, 1, tzinfo=UTC)
UNTIL = datetime(2027, 1, 20)  # noqa: DTZ001 -- Beijing time, as everything in the table
MINUTE = timedelta(minutes=1)
QUARTERS = ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
CLOSED = {datetime(2026 + n // 4, n % 4 * 3 + 1, 1, 0, 30): label for n, label in enumerate(("2025Q4", *QUARTERS))}  # noqa: DTZ001
"""When the station closes which quarter."""
STATION = {
    "YIZHAN_STATION_TICK_SECONDS": "0",  # time comes from here
    "YIZHAN_STATION_COMMIT_INTERVAL_SECONDS": "0.01",
}
Advance = Callable[[datetime, int, int], None]
"""Told the instant, how many of the clock's stops are done, and of how many."""


@contextlib.contextmanager
def ground(members: Sequence[str]) -> Iterator[tuple[Path, Charter]]:
    """Bring up a broker of its own, on which a record has the time that its writer gives it, and the station."""
    home, now = Path(tempfile.mkdtemp(prefix="yizhan-year-")), datetime.now(UTC)
    try:
        bring_up(home, members, now=now)
        charter = make_sample(home, members, now, since=SINCE)
        _let_time_be_given(home, members)
        words = [*YIZHAN, "--home", str(home), "station", "run"]
        with running(words, home / "station.log", STATION_READY, STATION, apart=True):
            yield home, charter
    finally:
        Brokers(home).stop(0)  # also one that was just starting when it was interrupted; its data go too
        shutil.rmtree(home, ignore_errors=True)


def _let_time_be_given(home: Path, members: Sequence[str]) -> None:
    settings = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}
    admin = KafkaAdminClient(**Settings.load(home).connection(topics.ADMIN).kafka_python())
    try:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topics.events(code), settings) for code in members]
        )
    finally:
        admin.close()


def stops(steps: Sequence[Step], rows: Sequence[table.Row], until: datetime) -> list[datetime]:
    """Return where the clock stops: at every row, closing and step, and a minute before each step."""
    found = {step.at for step in steps} | {step.at - MINUTE for step in steps} | {row.at for row in rows} | set(CLOSED)
    return sorted({each for each in found if table.FIRST <= each < until} | {until - MINUTE})


def run(count: int, until: datetime = UNTIL, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Play the year of two counties, or of six, up to an instant (Beijing time).

    Returns:
        What it took and what was compared; ``problems`` is empty where all agrees.
    """
    members = {2: TWO, 6: SIX}[count]
    with ground(members) as (home, charter):
        pairs = sorted(tuple(sorted(pair)) for pair in charter.alliance.pairs)
        rows = table.read([(one, other) for one, other in pairs], until)
        expected = predict(rows, [(one, other) for one, other in pairs], until - MINUTE)
        names: dict[str, str] = defaultdict(str)
        ahead = [step for each in expected for step in each.steps(names)]
        clock = stops(ahead, rows, until)
        year = Year(home, Settings.load(home), AdoptedCharters([charter]), members, table.FIRST.replace(tzinfo=BEIJING))
        begun = time.monotonic()
        try:
            for number, at in enumerate(clock):
                year.step(at, [row for row in rows if row.at == at], CLOSED.get(at))
                advance(at, number + 1, len(clock))
            played = time.monotonic() - begun
            return {"members": count, "until": f"{until:%Y-%m-%d}"} | _compared(year, expected, until, played)
        finally:
            year.close()


def _compared(year: Year, expected: Sequence[Any], until: datetime, played: float) -> dict[str, Any]:
    problems, counts = list[str](), year.counts
    statements, repeated, kept = counts.statements, counts.repeated, {}
    predicted: Counter[str] = Counter()
    closed = max(at for at in CLOSED if at < until).replace(tzinfo=BEIJING)
    for each in expected:
        want = set(each.steps({name: known[0] for name, known in year.known.get(each.pair, {}).items()}))
        predicted.update(step.step for step in want)
        for code in each.pair:
            kept[code] = year.rows(code)
            problems += [f"{code}: predicted and not there: {step}" for step in sorted(want - kept[code], key=str)]
            problems += [f"{code}: there and not predicted: {step}" for step in sorted(kept[code] - want, key=str)]
    lost = year.lost(closed)
    problems += year.disputed()
    problems += [f"lost: {each}" for each in lost]
    labels = [label for at, label in CLOSED.items() if at < until and label in QUARTERS]
    live = _figures(year, expected, labels)
    begun = time.monotonic()
    year.again()
    rebuilt = _figures(year, expected, labels)
    problems += [
        f"figures of {key} are others after the inboxes were made again" for key in live if live[key] != rebuilt[key]
    ]
    problems += [
        f"{code}: other followup rows after the inbox was made again" for code in kept if year.rows(code) != kept[code]
    ]
    sides = [key for key in live if live[key] != live[key[0], key[2], key[1]]]
    problems += [f"{label}: {one} counts otherwise than {other}" for label, one, other in sides if one < other]
    return {
        "seconds": round(played, 1),
        "seconds_to_make_again": round(time.monotonic() - begun, 1),
        "clock_stops": counts.instants,
        "events": dict(sorted(counts.events.items())),
        "events_in_all": counts.events.total(),
        "statements": statements,
        "obligations": sum(len(each.owed) for each in expected),
        "steps": dict(sorted(predicted.items())),
        "rows": {code: len(rows) for code, rows in kept.items()},
        "lost": len(lost),
        "doubled": sum(len(rows) for rows in kept.values()) - len(set().union(*kept.values())) * 2,
        "repeated_on_the_wire": repeated,
        "figures": {
            f"{label} {one}-{other}": hashlib.sha256(live[label, one, other]).hexdigest()
            for label, one, other in live
            if one < other
        },
        "problems": [*counts.odd, *problems],
    }


def _figures(year: Year, expected: Sequence[Any], labels: Sequence[str]) -> dict[tuple[str, str, str], bytes]:
    return {
        (label, one, other): canonical(year.material(label, one, other).figures)
        for label in labels
        for each in expected
        for one, other in (each.pair, each.pair[::-1])
    }
