"""Two station processes that share the members, on a real broker: one of them dies, a member moves."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_obligations import LADDER, PARTNER, SOURCE, said, wait_for
from tests.world.alliance import Alliance, now_text, running_station, settle
from tests.world.cluster import Cluster
from tests.world.waiting import until
from yizhan.deploy import home as deploy_home
from yizhan.deploy.home import bring_up
from yizhan.schemas import topics
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written
from yizhan.services.home import Home
from yizhan.services.station import list_parts, move_members
from yizhan.streams.errors import StationError
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yizhan.schemas.postmark import Postmark

EAST = "east"


@pytest.fixture(scope="module")
def alliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alliance]:
    """A broker of its own: where parts share, every station reads what the others observed."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "yizhan.toml").write_text('station_parts = ["east"]\nstation_tick_seconds = 0\n')
    brokers, _ = bring_up(folder, SIX, now=datetime.now(UTC))
    try:
        yield settle(Cluster(folder, brokers.first))
    finally:
        brokers.stop(0)


def move(alliance: Alliance, member: str, to: str) -> int:
    """Move a member once its part has left its group; return with how many obligations."""

    def moved() -> list[int] | None:
        try:
            return [each.obligations for each in move_members(Home(alliance.home), [member], to)]
        except StationError:  # it leaves its group when its session ends
            return None

    (count,) = until(moved, f"{member} is moved")
    return count


def tick(alliance: Alliance, at: datetime) -> None:
    """Give an instant to both parts."""
    for part in (topics.MAIN, EAST):
        alliance.cluster.send(topics.STATION, topics.ticks(part), Tick(at=written(at)).to_bytes())


def fire(alliance: Alliance) -> tuple[bytes, Postmark, str]:
    """Let the source report a fire; return the event, its postmark and the obligation to acknowledge it."""
    postings = alliance.end(topics.postings(SOURCE))
    event = alliance.world.event(SOURCE, (PARTNER,), time=now_text())
    alliance.publish(event, source=SOURCE)
    (posted,) = alliance.postings(postings, 1, SOURCE)
    return event, posted, f"acknowledge/{posted.id}/{PARTNER}"


def acknowledge(alliance: Alliance, event: bytes, posted: Postmark) -> None:
    """Let the partner acknowledge it."""
    receipt = {"stage": "acknowledged", "event": {"id": posted.id, "hash": parse_envelope(event).hash.hex()}}
    answer = alliance.world.event(
        PARTNER, (SOURCE,), type=RECEIPT, receipt=receipt, stage=None, touches=None, priority="routine",
        time=now_text(),
    )  # fmt: skip
    alliance.publish(answer, source=PARTNER)


def steps(alliance: Alliance, audit: int, obligation: str) -> dict[str, int]:
    """Return in how many ways each step of an obligation was said."""
    ways = defaultdict(set)
    for each, payload in said(alliance, audit):
        if each.obligation == obligation:
            ways[each.step].add(payload)
    return {step: len(payloads) for step, payloads in ways.items()}


def test_parts_share_obligations_and_a_member_moves(alliance: Alliance, tmp_path: Path) -> None:
    """A fire at one part, its acknowledgement at the other, a part killed between, a member moved to and fro."""
    audit = alliance.end(topics.AUDIT)
    assert move(alliance, PARTNER, EAST) == 0
    assert [(each.part, each.running) for each in list_parts(Home(alliance.home))] == [("main", False), (EAST, False)]
    with running_station(alliance, tmp_path / "main") as main:
        with running_station(alliance, tmp_path / "east", "--part", EAST) as east:
            with pytest.raises(StationError):
                move_members(Home(alliance.home), [PARTNER], "main")
            answered, first, discharged = fire(alliance)
            wait_for(alliance, audit, discharged, "opened")
            east.kill()
            acknowledge(alliance, answered, first)
            _, posted, overdue = fire(alliance)
            east.start()
            wait_for(alliance, audit, discharged, "discharged")
            until(lambda: any(name == overdue for name in _known(alliance)), "the owner knows what was opened")
            tick(alliance, posted.made + timedelta(minutes=5))
            wait_for(alliance, audit, overdue, "second-phone")
            main.stop()
            east.stop()
        assert move(alliance, PARTNER, "main") >= 2
        main.start()
        tick(alliance, posted.made + timedelta(hours=1))
        wait_for(alliance, audit, overdue, "overdue")
        third, last, again = fire(alliance)
        acknowledge(alliance, third, last)
        wait_for(alliance, audit, again, "discharged")
    assert steps(alliance, audit, discharged) == dict.fromkeys(("opened", "discharged"), 1)
    assert steps(alliance, audit, overdue) == dict.fromkeys(("opened", *LADDER, "overdue"), 1)
    assert steps(alliance, audit, again) == dict.fromkeys(("opened", "discharged"), 1)


def _known(alliance: Alliance) -> list[str]:
    """Return the names in the rows of the owner's table."""
    records = alliance.cluster.read_all(topics.STATION, topics.followups(EAST))
    rows = [record.value.decode() for record in records if record.value and record.key != b"@progress"]
    return [name for row in rows for name in _names(row)]


def _names(row: str) -> list[str]:
    return [piece.split('"')[0] for piece in row.split('"obligation":"')[1:]]


def test_the_declaration_keeps_the_topics_of_parts(alliance: Alliance) -> None:
    """Applied again, it changes nothing."""
    connection = alliance.cluster.broker.admin_connection()
    assert deploy_home.apply(alliance.home, connection, SIX, now=datetime.now(UTC)) == ()
