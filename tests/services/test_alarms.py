"""What an observer gets while a county receives, and what an officer's answer does, when the access log is broken."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from tests.schemas.payloads.examples import PLAN
from tests.services.access_world import OFFICER, NoPassphrase
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station
from tests.world.waiting import LIMIT_SECONDS
from yizhan.consumers.arrivals import Became, ReceiveOutcome
from yizhan.consumers.items import Item
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.runtime.errors import StoreError
from yizhan.runtime.process import StopSignal
from yizhan.services import alarms
from yizhan.services.actor import Actor
from yizhan.services.alarms import AlarmFeed
from yizhan.services.home import Home
from yizhan.services.inbox import OfficerAnswer, answer_item, find_item
from yizhan.services.sample import make_sample
from yizhan.services.stores import INBOX_FILE, open_outbox, read_inbox

ACTOR = Actor("duty (1000)", "inbox run", OFFICER)


@dataclass
class Seen:
    """An observer that keeps what it is given."""

    outcomes: list[ReceiveOutcome] = field(default_factory=list)
    ringing: list[Item] = field(default_factory=list)

    def arrived(self, outcome: ReceiveOutcome) -> None:
        """Keep it."""
        self.outcomes.append(outcome)

    def waiting(self, count: int, oldest: Item) -> None:
        """Hold that no content goes along."""
        assert (count, oldest.payload) == (1, None)

    def rings(self, item: Item) -> None:
        """Keep it."""
        self.ringing.append(item)

    def still_ringing(self, count: int, ids: tuple[str, ...]) -> None:
        """Refuse: no test here runs for so long."""
        raise AssertionError(count, ids)


@dataclass(frozen=True)
class Desk:
    """庆元's home with a fire that rings and a plan that does not."""

    home: Home
    fire: str
    plan: str

    @contextmanager
    def broken_log(self) -> Iterator[None]:
        """Put a folder in the place of the access log while the block runs."""
        path = self.home.county_folder(QINGYUAN) / access_log.FILE
        kept = path.with_suffix(".kept")
        if path.exists():
            path.rename(kept)
        path.mkdir()
        yield
        path.rmdir()
        if kept.exists():
            kept.rename(path)

    def pass_on(self, item_id: str, *, all_content: bool, became: Became = "stored") -> Item:
        """Let the item come in anew; what the observer got of it."""
        seen, item = Seen(), find_item(self.home, QINGYUAN, item_id)
        with read_inbox(self.home, QINGYUAN) as inbox:
            assert inbox is not None
            feed = AlarmFeed(self.home, inbox, seen, ACTOR, all_content=all_content)
            feed.arrived([ReceiveOutcome(became, item)])
        (outcome,) = seen.outcomes
        assert outcome.item is not None
        assert outcome.item == replace(item, payload=outcome.item.payload)
        return outcome.item

    def entered(self) -> list[tuple[str, ...]]:
        """List what the access log names."""
        path = self.home.county_folder(QINGYUAN) / access_log.FILE
        return [entry.what for entry in access_log.check(access_log.read(path))[0]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Make the home."""
    folder = tmp_path_factory.mktemp("alarms") / "home"
    make_sample(folder, (SHOUNING, QINGYUAN), datetime.now(UTC))
    home, station = Home(folder), Station(folder)
    plan = {"type": "yizhan.patrol.plan.v1", "to": [QINGYUAN], "payload": PLAN}
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        ids = [outbox.publish(parse_draft(content)).id for content in (FIRE, plan)]
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return Desk(home, *ids)


def test_an_alarm_that_comes_in_rings_without_its_entry(desk: Desk) -> None:
    """An alarm is shown with its content though the access log cannot be written, also where only alarms are."""
    with desk.broken_log():
        for all_content in (True, False):
            assert desk.pass_on(desk.fire, all_content=all_content).payload is not None


def test_what_does_not_ring_is_passed_on_without_content_where_the_log_is_broken(desk: Desk) -> None:
    """Its content follows once the access can be written down; and only to whom it was promised."""
    with desk.broken_log():
        for all_content in (True, False):
            assert desk.pass_on(desk.plan, all_content=all_content).payload is None
    before = desk.entered()
    assert desk.pass_on(desk.plan, all_content=False, became="duplicate").payload is None
    assert desk.entered() == before
    for all_content in (True, False):
        assert desk.pass_on(desk.plan, all_content=all_content).payload is not None
    assert desk.entered() == [*before, (desk.plan,), (desk.plan,)]


def test_what_arrives_together_is_one_access(desk: Desk) -> None:
    """One entry names all that is shown; an observer that fails at one still gets the others."""

    class Broken(Seen):
        def arrived(self, outcome: ReceiveOutcome) -> None:
            super().arrived(outcome)
            if len(self.outcomes) == 1:
                raise RuntimeError("the screen is broken")

    seen, before = Broken(), desk.entered()
    items = [find_item(desk.home, QINGYUAN, each) for each in (desk.fire, desk.plan, desk.fire)]
    with read_inbox(desk.home, QINGYUAN) as inbox:
        assert inbox is not None
        feed = AlarmFeed(desk.home, inbox, seen, ACTOR, all_content=False)
        feed.arrived([*(ReceiveOutcome("stored", item) for item in items), ReceiveOutcome("aside", reason="malformed")])
    assert [each.item and each.item.id for each in seen.outcomes] == [desk.fire, desk.plan, desk.fire, None]
    assert desk.entered() == [*before, (desk.fire, desk.plan, desk.fire)]


def test_a_program_hears_at_the_start_what_waits(desk: Desk) -> None:
    """An alarm whose process died before it wrote its line is named by the next one, without content."""
    told, stopped = list[tuple[int, tuple[str, ...]]](), StopSignal()
    stopped.set()

    class Lines(Seen):
        def still_ringing(self, count: int, ids: tuple[str, ...]) -> None:
            told.append((count, ids))

    before = desk.entered()
    with read_inbox(desk.home, QINGYUAN) as inbox:
        assert inbox is not None
        AlarmFeed(desk.home, inbox, Lines(), ACTOR, all_content=True).begin(stopped)
    assert told == [(1, (desk.fire,))]
    assert desk.entered() == before


def test_an_alarm_that_waits_is_shown_with_content_only_after_its_entry(desk: Desk) -> None:
    """A waiting alarm rings with or without the access entry; its content is shown only after the entry."""
    stopped = StopSignal()
    stopped.set()

    def waiting() -> Item:
        seen = Seen()
        with read_inbox(desk.home, QINGYUAN) as inbox:
            assert inbox is not None
            AlarmFeed(desk.home, inbox, seen, ACTOR, all_content=False).begin(stopped)
        (item,) = seen.ringing
        return item

    with desk.broken_log():
        assert (waiting().id, waiting().payload) == (desk.fire, None)
    assert waiting().payload is not None


def test_an_alarm_is_told_again_after_a_look_that_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inbox cannot be read for once (a table is away): it is logged, and the next look tells what rings."""
    monkeypatch.setattr(alarms, "RING_AGAIN_SECONDS", 0.01)
    failed, rang, stop = threading.Event(), threading.Event(), StopSignal()

    class Screen(Seen):
        def still_ringing(self, count: int, ids: tuple[str, ...]) -> None:
            assert (count, ids) == (1, (desk.fire,))
            rang.set()

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert record.exc_info is not None
            failed.set()

    path = desk.home.county_folder(QINGYUAN) / INBOX_FILE
    handler = Log()
    logging.getLogger(alarms.__name__).addHandler(handler)
    with read_inbox(desk.home, QINGYUAN) as inbox, contextlib.closing(sqlite3.connect(path)) as conn:
        assert inbox is not None
        conn.execute("ALTER TABLE items RENAME TO away")
        AlarmFeed(desk.home, inbox, Screen(), ACTOR, all_content=True).begin(stop)
        assert failed.wait(LIMIT_SECONDS)
        conn.execute("ALTER TABLE away RENAME TO items")
        assert rang.wait(LIMIT_SECONDS)
        stop.set()
    logging.getLogger(alarms.__name__).removeHandler(handler)


def test_no_answer_is_entered_where_the_access_cannot_be_written_down(desk: Desk) -> None:
    """Where the access log cannot be written, no answer is entered: the alarm rings on and nothing is sent."""
    with desk.broken_log(), pytest.raises(StoreError):
        answer_item(desk.home, QINGYUAN, desk.fire, OfficerAnswer(), ACTOR, NoPassphrase())
    item = find_item(desk.home, QINGYUAN, desk.fire)
    assert (item.state, item.answers) == ("ringing", ())
