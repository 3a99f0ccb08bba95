"""Obligations on a real broker: each step once at its receiver, whatever dies and whatever is lost."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.world.alliance import Alliance, now_text, running_station, settle
from tests.world.clock import Clock
from tests.world.receiver import Notebook
from tests.world.waiting import until
from yizhan.consumers.arrivals import Arrived, Kind
from yizhan.consumers.checks import FOLLOWUP
from yizhan.consumers.inbox import Inbox
from yizhan.schemas import dsse, followups, postmark, strictjson, topics
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.timestamps import written
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.world.cluster import Cluster

SOURCE, PARTNER = "350722", "331181"
LADDER = {"second-phone": 5, "liaison-officer": 10, "leader": 15}
"""Step → minutes after the alarm, as the sample policy has them."""


@pytest.fixture
def alliance(cluster: Cluster) -> Alliance:
    """Keys and charter in the broker's home."""
    return settle(cluster)


def said(alliance: Alliance, start: int) -> list[tuple[Followup, bytes]]:
    """Read the steps that the audit's topic says from an offset on, each as its own statement's payload, too."""
    found = []
    for record in alliance.cluster.read_all(topics.AUDITOR, topics.AUDIT, start):
        kind, payload = dsse.unverified_type(record.value), strictjson.loads(dsse.unverified_payload(record.value))
        if kind == followups.CONTENT_TYPE:
            found.append(Followup.model_validate(payload))
        elif kind in postmark.CONTENT_TYPES:
            found += Postmark.model_validate(payload).steps()
    return [(each, each.payload()) for each in found]


def wait_for(alliance: Alliance, start: int, obligation: str, step: str) -> None:
    """Wait until the audit has a step: its statement is out, the table may not know it yet."""
    until(
        lambda: any((each.obligation, each.step) == (obligation, step) for each, _ in said(alliance, start)),
        f"{step} of {obligation}",
    )


def handled_all_before(alliance: Alliance, audit: int, at: datetime) -> None:
    """Wait until the station has handled what was written before: a later event of the partner's, and a later tick."""
    header = alliance.world.header(PARTNER, (SOURCE,), time=now_text())
    alliance.publish(alliance.world.seal(header), source=PARTNER)
    obligation = f"acknowledge/{header.id}/{SOURCE}"
    wait_for(alliance, audit, obligation, "opened")
    alliance.cluster.send(topics.STATION, topics.TICKS, Tick(at=written(at)).to_bytes())
    wait_for(alliance, audit, obligation, "second-phone")


def lose_the_table(alliance: Alliance) -> None:
    """Take the table's topic away and make it anew, empty."""
    declared = {topic.name: topic for topic in topics.declare(tuple(alliance.world.counties))}
    with alliance.cluster.admin() as admin:
        admin.delete_topics([topics.FOLLOWUPS])
        until(lambda: topics.FOLLOWUPS not in admin.list_topics(), "the topic is gone")
        admin.create_topics(
            {topics.FOLLOWUPS: {"num_partitions": 1, "configs": declared[topics.FOLLOWUPS].config()}},
            wait_for_metadata=True,
        )


def rows(alliance: Alliance, county: str, starts: Mapping[str, int], folder: Path) -> dict[tuple[str, str], int]:
    """Let a county's inbox receive all that came since; count the rows of each step."""
    kinds: dict[Kind, str] = {"alert": topics.alerts(county), "posting": topics.postings(county)}
    arrived = [
        Arrived(kind, record.partition, record.offset, record.timestamp, record.value, tuple(record.headers))
        for kind, topic in kinds.items()
        for record in alliance.cluster.read_all(topics.county(county), topic, starts[topic])
    ]
    world = alliance.world
    keys, clock = [world.counties[county].sealing], Clock(datetime.now(UTC))
    with Inbox(folder / f"{county}.sqlite3", county, keys, alliance.charters, clock, Notebook()) as inbox:
        inbox.receive_many(arrived)
        assert not [each for each in inbox.aside() if each.detail.startswith((FOLLOWUP, "posting"))]
        found: defaultdict[tuple[str, str], int] = defaultdict(int)
        for obligation in inbox.obligations(everything=True):
            for step in obligation.steps:
                found[obligation.id, step] += 1
    return found


def test_each_step_is_one_row_though_the_station_dies_at_every_one(
    alliance: Alliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed as each step is said, its table lost half-way: no step is missing, none is said in two ways."""
    monkeypatch.setenv("YIZHAN_STATION_TICK_SECONDS", "0")  # the ticks are ours
    world = alliance.world
    audit = alliance.end(topics.AUDIT)
    starts = {
        name(county): alliance.end(name(county))
        for county in (SOURCE, PARTNER)
        for name in (topics.alerts, topics.postings)
    }
    postings = alliance.end(topics.postings(SOURCE))
    with running_station(alliance, tmp_path / "log") as station:
        fire = world.event(SOURCE, (PARTNER,), time=now_text())
        alliance.publish(fire, source=SOURCE)
        (posted,) = alliance.postings(postings, 1, SOURCE)
        obligation = f"acknowledge/{posted.id}/{PARTNER}"
        wait_for(alliance, audit, obligation, "opened")
        station.kill()
        for step, minutes in LADDER.items():
            if step == "liaison-officer":
                lose_the_table(alliance)
            station.start()
            due = posted.made + timedelta(minutes=minutes)
            for at in (due - timedelta(milliseconds=1), due):
                alliance.cluster.send(topics.STATION, topics.TICKS, Tick(at=written(at)).to_bytes())
            wait_for(alliance, audit, obligation, step)
            station.kill()
        station.start()
        receipt = {"stage": "acknowledged", "event": {"id": posted.id, "hash": parse_envelope(fire).hash.hex()}}
        answer = world.event(
            PARTNER, (SOURCE,), type=RECEIPT, receipt=receipt, stage=None, touches=None, priority="routine",
            time=now_text(),
        )  # fmt: skip
        alliance.publish(answer, source=PARTNER)
        wait_for(alliance, audit, obligation, "discharged")
        station.kill()
        station.start()
        handled_all_before(alliance, audit, posted.made + timedelta(hours=1))
    expected = {"opened", *LADDER, "overdue", "discharged"}
    copies = defaultdict(set)
    for each, signed in said(alliance, audit):
        if each.obligation == obligation:
            copies[each.step].add(signed)
    assert {step: len(ways) for step, ways in copies.items()} == dict.fromkeys(expected, 1)
    for county in (SOURCE, PARTNER):
        found = rows(alliance, county, starts, tmp_path)
        assert {step: count for (name, step), count in found.items() if name == obligation} == dict.fromkeys(
            expected, 1
        )


def test_nobody_is_woken_for_what_was_answered_while_the_station_was_away(
    alliance: Alliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer waits behind other records, the tick behind nothing: it is the answer that is handled first."""
    monkeypatch.setenv("YIZHAN_STATION_TICK_SECONDS", "0.5")
    world, audit = alliance.world, alliance.end(topics.AUDIT)
    postings, sources = alliance.end(topics.postings(SOURCE)), [topics.events(code) for code in world.counties]
    with running_station(alliance, tmp_path / "log") as station:
        fire = world.event(SOURCE, (PARTNER,), id=f"{SOURCE}-20261124away-1", time=now_text())
        alliance.publish(fire, source=SOURCE)
        alliance.publish(world.event(SOURCE, (PARTNER,), id=f"{SOURCE}-20261124away-2", time=now_text()), source=SOURCE)
        posted, unanswered = alliance.postings(postings, 2, SOURCE)
        obligation, other = (f"acknowledge/{each.id}/{PARTNER}" for each in (posted, unanswered))
        wait_for(alliance, audit, obligation, "opened")
        wait_for(alliance, audit, other, "opened")
        station.kill()
        receipt = {"stage": "acknowledged", "event": {"id": posted.id, "hash": parse_envelope(fire).hash.hex()}}
        answer = world.event(
            PARTNER, (SOURCE,), id=f"{PARTNER}-20261124away-1", type=RECEIPT, receipt=receipt, stage=None,
            touches=None, priority="routine", time=now_text(),
        )  # fmt: skip
        alliance.publish(*[b"{}"] * 200, answer, source=PARTNER)
        ends = {name: alliance.end(name) for name in sources}
        due = Tick(at=written(unanswered.made + timedelta(minutes=5)), ends=ends)
        (ours,) = alliance.cluster.send(topics.STATION, topics.TICKS, due.to_bytes())
        station.start()
        wait_for(alliance, audit, other, "second-phone")
        wait_for(alliance, audit, obligation, "discharged")
        own = until(lambda: alliance.cluster.read_all(topics.STATION, topics.TICKS, ours + 1), "a tick of the station")
    heard = said(alliance, audit)
    # What was not committed before the kill is sent again, as the same bytes.
    steps = dict.fromkeys((each.step, signed) for each, signed in heard if each.obligation == obligation)
    assert [step for step, _ in steps] == ["opened", "discharged"]
    assert Tick.from_bytes(own[-1].value).ends == ends, "a tick of the station's own names what stood before it"
