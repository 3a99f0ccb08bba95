"""What a screen shows of what comes in stands in the inbox with the event, and a moment later in the access log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.access_world import OFFICER
from tests.services.test_alarms import Seen
from tests.world.receiver import ME, Listener
from tests.world.simulator import World
from tests.world.waiting import until
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.shown import ShownStore, Viewer
from yizhan.runtime import access_log
from yizhan.runtime.errors import StoreError
from yizhan.services.actor import Actor
from yizhan.services.alarms import AlarmFeed
from yizhan.services.arrival_log import ArrivalLog
from yizhan.services.home import Home
from yizhan.services.stores import inbox_path

ACTOR = Actor("duty (1000)", "inbox run", OFFICER)


class Desk:
    """庆元's inbox in a home, with a screen that shows alarms."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        path = inbox_path(self.home, ME)
        path.parent.mkdir(parents=True)
        self.listener, self.seen = Listener(World(), path), Seen()
        self.feed = AlarmFeed(self.home, self.listener.inbox, self.seen, ACTOR, all_content=False)
        self.log = path.with_name(access_log.FILE)

    def receive(self, count: int, viewer: Viewer | None = None) -> list[ReceiveOutcome]:
        """Let alarms come in together."""
        records = [self.listener.stamped(self.listener.event()) for _ in range(count)]
        return self.listener.inbox.receive_many(records, viewer=viewer or self.feed.viewer)

    def waiting(self) -> list[str]:
        """List the entries that are not in the access log yet."""
        with ShownStore(self.listener.path) as store:
            return [each.id for each in store.next()]

    def entered(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """List the access log's entries."""
        entries, broken = access_log.check(access_log.read(self.log))
        assert not broken
        return [(entry.who, entry.how, entry.what) for entry in entries]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Open the inbox."""
    made = Desk(tmp_path)
    yield made
    made.listener.inbox.close()


def _ids(outcomes: list[ReceiveOutcome]) -> list[str]:
    return [each.item.id for each in outcomes if each.item is not None]


def test_an_access_is_entered_with_the_event_and_copied_once(desk: Desk) -> None:
    """The screen writes no entry of its own; together they are one line, alone one each."""
    together, alone = desk.receive(3), desk.receive(1)
    desk.feed.arrived(together + alone)
    assert all(each.entered for each in together + alone)
    assert [each.item and each.item.payload for each in desk.seen.outcomes] == [b'{"summary":"test"}'] * 4
    assert (desk.waiting(), desk.log.exists()) == (_ids(together + alone), False)
    log = ArrivalLog(desk.home, desk.listener.inbox)
    log.copy()
    log.copy()
    later = desk.receive(1)
    log.copy()
    assert desk.entered() == [
        (str(ACTOR), "listed", (*_ids(together), *_ids(alone))),
        (str(ACTOR), "opened", tuple(_ids(later))),
    ]
    assert desk.waiting() == []


def test_entries_wait_while_the_access_log_cannot_be_written(desk: Desk) -> None:
    """The alarm is shown: its entry is on the disk. The next process copies what this one could not."""
    desk.log.mkdir()
    (outcome,) = desk.receive(1)
    log = ArrivalLog(desk.home, desk.listener.inbox)
    with pytest.raises(StoreError):
        log.copy()
    assert (outcome.rings, outcome.entered, desk.waiting()) == (True, True, _ids([outcome]))
    desk.log.rmdir()
    with ArrivalLog(desk.home, desk.listener.inbox):
        until(lambda: desk.waiting() == [] or None)
    assert desk.entered() == [(str(ACTOR), "opened", tuple(_ids([outcome])))]


def test_what_is_received_before_the_end_is_in_the_log_at_the_end(desk: Desk) -> None:
    """An orderly end copies what the last second brought."""
    with ArrivalLog(desk.home, desk.listener.inbox):
        outcomes = desk.receive(2)
    assert [each for _who, _how, what in desk.entered() for each in what] == _ids(outcomes)


def test_what_nobody_is_shown_is_not_entered(desk: Desk) -> None:
    """An event that a viewer does not see has no entry; a viewer that fails leaves it to the screen."""

    def fails(_outcome: ReceiveOutcome) -> bool:
        raise RuntimeError("a fault")

    unseen = desk.receive(1, Viewer("duty", "inbox run", "opened", lambda _outcome: False))
    failed = desk.receive(1, Viewer("duty", "inbox run", "opened", fails))
    assert [each.entered for each in unseen + failed] == [False, False]
    assert (failed[0].became, failed[0].rings, desk.waiting()) == ("stored", True, [])
    desk.feed.arrived(failed)
    assert desk.entered() == [(str(ACTOR), "opened", tuple(_ids(failed)))]
