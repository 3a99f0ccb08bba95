"""What a publisher does beside sending."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world.sender import Desk, fire
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.maintenance import Maintenance
from yizhan.producers.outbox import Outbox
from yizhan.runtime.settings import Settings
from yizhan.schemas.header import NOTICE


class Clockwork:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        """Stand at 0."""
        self.seconds = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


@pytest.fixture
def clockwork() -> Clockwork:
    """A clock that stands still."""
    return Clockwork()


@pytest.fixture
def chores(tmp_path: Path, outbox: Outbox, dispatch: Dispatch, clockwork: Clockwork) -> Maintenance:
    """The chores of the outbox, with the settings' defaults."""
    return Maintenance(outbox, dispatch, Settings.load(tmp_path), clockwork)


def notices(outbox: Outbox) -> int:
    """Count the notices that were written."""
    return sum(row.type == NOTICE for row in outbox.rows())


def test_lane_heads_are_announced_daily(desk: Desk, outbox: Outbox, chores: Maintenance, clockwork: Clockwork) -> None:
    """Once a day every lane's head is announced, and not twice."""
    outbox.publish(fire())
    counts = []
    for _ in range(5):
        chores.tick(answers_read=True)
        counts.append(notices(outbox))
        desk.later(43_201)
        clockwork.seconds += 43_201
    assert counts == [0, 0, 1, 1, 2]


def test_a_clock_that_ran_ahead_does_not_silence_the_lane_heads(
    desk: Desk, outbox: Outbox, chores: Maintenance, clockwork: Clockwork
) -> None:
    """Announced in a year to come, they are announced again once the clock is mended."""
    outbox.publish(fire())
    for seconds in (400 * 86_400, -400 * 86_400):
        desk.later(seconds)
        clockwork.seconds += 100_000
        before = notices(outbox)
        chores.tick(answers_read=True)
        assert notices(outbox) == before + 1


def test_nothing_goes_again_before_the_answers_were_read(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, chores: Maintenance, clockwork: Clockwork
) -> None:
    """A publisher that was away reads what came before it takes its absence for the station's."""
    outbox.publish(fire())
    desk.send_all(dispatch)
    desk.later(3600)
    chores.tick(answers_read=False)
    assert outbox.depth() == 0
    clockwork.seconds += 2
    chores.tick(answers_read=True)
    assert outbox.depth() == 1


def test_a_chore_that_fails_stops_no_other(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, chores: Maintenance, clockwork: Clockwork
) -> None:
    """Lane heads that cannot be sealed (a key lapsed) are told, and resends go on."""
    outbox.publish(fire())
    desk.send_all(dispatch)
    desk.later(400 * 86_400)
    signing = desk.world.charter.signing
    signing["350924"] = {}  # type: ignore[index] # the charter of this test alone
    chores.tick(answers_read=True)
    clockwork.seconds += 2
    chores.tick(answers_read=True)
    assert notices(outbox) == 0
    assert outbox.depth() == 1
