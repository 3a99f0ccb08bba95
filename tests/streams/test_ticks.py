"""When a tick may act: after the events that stood before it, and never never."""

from __future__ import annotations

from yizhan.streams.ticks import PendingTicks, Tick, ends

NEAR, FAR, OTHERS = "yizhan.events.350924", "yizhan.events.331126", "yizhan.events.999999"
PATIENCE = 60.0


def waiting(near: int = 0, far: int = 0) -> PendingTicks[str]:
    """A worker that has handled so much of two topics."""
    return PendingTicks({NEAR: near, FAR: far}, PATIENCE)


def test_a_tick_waits_for_the_last_event_that_stood_before_it() -> None:
    """Of two topics both must be read to the end that the tick names; what came later is not waited for."""
    held = waiting(near=3)
    held.hold({NEAR: 5, FAR: 1}, "tick")
    held.handled(NEAR, 3, 1.0)
    held.handled(NEAR, 4, 1.0)
    assert list(held.ready(1.0)) == []
    held.handled(FAR, 0, 1.0)
    assert list(held.ready(1.0)) == ["tick"]
    assert list(held.ready(1.0)) == []


def test_quiet_topics_and_those_of_others_hold_nothing_up() -> None:
    """Empty, read to its end before this worker began, or another worker's: the tick acts at once."""
    held = waiting(near=7)
    held.hold({NEAR: 7, FAR: 0, OTHERS: 100}, "tick")
    assert list(held.ready(0.0)) == ["tick"]


def test_ticks_act_in_their_order() -> None:
    """A later tick that waits for nothing waits for the earlier one."""
    held = waiting()
    held.hold({NEAR: 1}, "first")
    held.hold({}, "second")
    assert list(held.ready(0.0)) == []
    held.handled(NEAR, 0, 0.0)
    assert list(held.ready(0.0)) == ["first", "second"]


def test_a_topic_that_cannot_be_read_holds_ticks_up_for_its_patience_and_once() -> None:
    """After a minute without a record time goes on; the next tick does not wait another minute for the same events."""
    held = waiting()
    held.hold({NEAR: 9}, "first")
    assert list(held.ready(1000.0)) == []
    assert list(held.ready(1000.0 + PATIENCE - 0.1)) == []
    assert list(held.ready(1000.0 + PATIENCE)) == ["first"]
    held.hold({NEAR: 9}, "second")
    assert list(held.ready(1000.0 + PATIENCE)) == ["second"]


def test_whatever_long_catching_up_takes_a_tick_waits_while_events_come() -> None:
    """Patience runs from the last event of the topic that is behind, and a topic that comes back is waited for."""
    held = waiting()
    held.hold({NEAR: 50}, "tick")
    for offset in range(49):
        held.handled(NEAR, offset, offset * (PATIENCE - 1))
        assert list(held.ready(offset * (PATIENCE - 1))) == []
    held.handled(NEAR, 49, 49 * PATIENCE)
    assert list(held.ready(49 * PATIENCE)) == ["tick"]
    held.hold({NEAR: 60}, "later")
    list(held.ready(50 * PATIENCE))
    assert list(held.ready(51 * PATIENCE)) == ["later"]
    held.handled(NEAR, 50, 52 * PATIENCE)
    held.hold({NEAR: 61}, "back")
    assert list(held.ready(52 * PATIENCE)) == []


def test_what_is_no_tick_waits_for_nothing() -> None:
    """It is reported where it is read, and stops nothing."""
    assert ends(b"{") == ends(None) == {}
    assert ends(Tick(at="2026-01-01T00:00:00.000Z", ends={NEAR: 4}).to_bytes()) == {NEAR: 4}
