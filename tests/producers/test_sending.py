"""What goes next, what goes again, and what a lost broker changes."""

from __future__ import annotations

import pytest

from tests.world.sender import PATIENCE, Desk, fire, intelligence
from tests.world.simulator import CANGNAN, CLUSTER, QINGYUAN, SHOUNING
from yizhan.producers import schedule
from yizhan.producers.dispatch import BEHIND_SECONDS, HOLD_SECONDS, Dispatch
from yizhan.producers.outbox import Outbox
from yizhan.producers.schedule import DeliveryState
from yizhan.schemas.header import ReceiptRef

HASH = bytes(32)


@pytest.mark.parametrize(
    ("standing", "after"),
    [
        (DeliveryState(1), 30),  # no answer: half a minute
        (DeliveryState(2), 60),
        (DeliveryState(3), 120),
        (DeliveryState(50), 3600),  # for weeks: once an hour
        (DeliveryState(1, answered=True), None),  # a digest event: settled
        (DeliveryState(1, answered=True, receipt_missing=True), 120),
        (DeliveryState(2, answered=True, receipt_missing=True), 240),
        (DeliveryState(50, answered=True, receipt_missing=True), 14_400),
        (DeliveryState(1, receipt_missing=True), 30),  # the nearer of the two first
        (DeliveryState(1, refused=True, receipt_missing=True), None),
    ],
)
def test_when_the_same_bytes_go_again(standing: DeliveryState, after: float | None) -> None:
    """Pauses double up to a bound; what is refused or settled never goes again."""
    assert schedule.due(1000.0, standing, PATIENCE, share=0.5) == (None if after is None else 1000.0 + after)


def test_pauses_are_spread_by_a_tenth() -> None:
    """What was sent together does not come back together."""
    low, high = (schedule.pause(30.0, 1, share) for share in (0.0, 1.0))
    assert (low, high) == pytest.approx((27.0, 33.0))


def test_prompt_before_digest_and_each_in_order(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """An alarm overtakes routine events; within a class the order of acceptance holds."""
    sent = [outbox.publish(draft).id for draft in (intelligence(), fire(), intelligence(), fire())]
    assert desk.send_all(dispatch) == [sent[1], sent[3], sent[0], sent[2]]
    assert dispatch.queue(prompt=True, limit=9) == []


def test_what_is_under_way_is_not_taken_twice(outbox: Outbox, dispatch: Dispatch) -> None:
    """Until it is acknowledged an event stays queued, and is left out by whoever has it under way."""
    for _ in range(3):
        outbox.publish(fire())
    first, second = dispatch.queue(prompt=True, limit=2)
    (third,) = dispatch.queue(prompt=True, limit=2, under_way={first.seq, second.seq})
    assert third.seq > second.seq
    assert len(dispatch.queue(prompt=True, limit=9)) == 3


def test_what_was_not_acknowledged_is_there_after_a_kill(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A publisher that dies between send and acknowledgement leaves the event queued, with the same bytes."""
    outbox.publish(fire())
    (before,) = dispatch.queue(prompt=True, limit=9)
    dispatch.close()
    with desk.dispatch(outbox) as again:
        assert again.queue(prompt=True, limit=9) == [before]


def test_an_overdue_answer_brings_the_same_bytes_back(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """After 30 s without an answer it goes again, then after 60 more, until it is answered."""
    sent = outbox.publish(fire())
    bytes_ = [dispatch.queue(prompt=True, limit=1)[0].envelope]
    for pause in (30, 60, 120):
        assert desk.send_all(dispatch) == [sent.id]
        desk.later(pause - 1)
        assert dispatch.requeue_overdue() == 0
        desk.later(2)
        assert dispatch.requeue_overdue() == 1
        bytes_.append(dispatch.queue(prompt=True, limit=1)[0].envelope)
    assert len(set(bytes_)) == 1
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    assert dispatch.queue(prompt=True, limit=1) == []


def test_an_overdue_receipt_brings_what_goes_at_once_back(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Answered but not received: it goes again after two minutes, until the recipient confirms."""
    sent = outbox.publish(fire())
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    desk.later(119)
    assert dispatch.requeue_overdue() == 0
    assert outbox.figures().receipts_overdue == 0
    desk.later(2)
    assert outbox.figures().receipts_overdue == 1
    assert dispatch.requeue_overdue() == 1
    outbox.confirm(desk.delivered(outbox, 1), HASH, {})
    assert (outbox.depth(), outbox.figures().receipts_overdue) == (0, 0)


def test_receipts_and_notices_are_never_awaited(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """For a receipt only the station's answer is awaited, never a receipt."""
    theirs = ReceiptRef(stage="delivered", source=QINGYUAN, book="20261123abcd", lane="prompt", up_to=4)
    sent = outbox.send_receipt(theirs)
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    desk.later(1_000_000)
    assert dispatch.requeue_overdue() == 0


def test_what_the_broker_will_not_take_rests_and_others_go(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """An event too large for a broker's settings does not stop the rest; it is tried again after an hour."""
    outbox.publish(fire())
    good = outbox.publish(fire())
    dispatch.hold(dispatch.queue(prompt=True, limit=1)[0].seq, "MessageSizeTooLargeError")
    assert desk.send_all(dispatch) == [good.id]
    assert outbox.rows()[0].trouble == "MessageSizeTooLargeError"
    desk.later(HOLD_SECONDS)
    assert dispatch.requeue_overdue() == 2


def test_a_broker_that_lost_its_data_gets_everything_unconfirmed_again(
    desk: Desk, outbox: Outbox, dispatch: Dispatch
) -> None:
    """A new cluster: all that some recipient has not confirmed goes again, digest events too."""
    assert dispatch.enter_cluster(CLUSTER, 0, 0) == 0
    ids = [outbox.publish(draft).id for draft in (fire(), intelligence(), fire())]
    desk.send_all(dispatch)
    desk.answer(dispatch, *(desk.admitted(outbox, each) for each in ids))
    outbox.confirm(desk.delivered(outbox, 1), HASH, {})
    assert outbox.depth() == 0
    assert dispatch.enter_cluster("another", 0, 0) == 0
    assert desk.send_all(dispatch) == [ids[2], ids[1]]
    assert dispatch.enter_cluster("another", 0, 0) is None


@pytest.mark.parametrize(("events_end", "postings_end"), [(0, 2), (1, 0)])
def test_a_log_that_ends_before_what_it_had_is_a_lost_one(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, events_end: int, postings_end: int
) -> None:
    """The same cluster id with a shorter log is a lost disk too."""
    dispatch.enter_cluster(CLUSTER, 0, 0)
    sent = outbox.publish(fire())
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    assert dispatch.enter_cluster(CLUSTER, 1, 1) is None
    assert dispatch.enter_cluster(CLUSTER, events_end, postings_end) == (
        None if (events_end, postings_end) == (1, 1) else 0
    )
    assert desk.send_all(dispatch) == [sent.id]


def test_a_first_broker_loses_nothing(outbox: Outbox, dispatch: Dispatch) -> None:
    """Meeting the first cluster is no loss: what is queued is queued once."""
    outbox.publish(fire())
    assert dispatch.enter_cluster(CLUSTER, 0, 0) == 0
    assert outbox.depth() == 1
    position = dispatch.position(CLUSTER)
    assert position is not None
    assert (position.next_posting, position.highest_event) == (0, -1)


def test_of_cumulative_receipts_only_the_newest_goes_again(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A later cumulative receipt says all that the earlier said; the numbers left out are void."""
    dispatch.enter_cluster(CLUSTER, 0, 0)
    lanes = [(QINGYUAN, 1), (QINGYUAN, 2), (CANGNAN, 1), (QINGYUAN, 3)]
    sent = [
        outbox.send_receipt(
            ReceiptRef(stage="delivered", source=county, book="20261123abcd", lane="prompt", up_to=n)
        ).id
        for county, n in lanes
    ]
    desk.send_all(dispatch)
    dispatch.enter_cluster("another", 0, 0)
    assert desk.send_all(dispatch) == sent[2:]
    assert {head.recipient: head.void for head in outbox.lane_heads()} == {QINGYUAN: (1, 2), CANGNAN: ()}
    assert outbox.figures().awaited == 2
    assert dispatch.voids_untold()


def test_weeks_without_a_network_lose_nothing(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Three weeks of events wait in order and go when the line is back."""
    sent = []
    for _ in range(21):
        sent.append(outbox.publish(fire()).id)
        desk.later(86_400)
        dispatch.requeue_overdue()
    assert outbox.figures().oldest_seconds == 21 * 86_400
    assert desk.send_all(dispatch) == sent
    assert outbox.figures().oldest_seconds == 0
    assert sent[0].startswith(SHOUNING)


def test_what_a_slow_station_has_not_reached_is_not_sent_again(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Behind the last answer an event waits; passed over, or after an hour, it goes again."""
    dispatch.enter_cluster(CLUSTER, 0, 0)
    passed, waiting = outbox.publish(fire()).id, outbox.publish(fire()).id
    first, second = dispatch.queue(prompt=True, limit=2)
    dispatch.acknowledged([first.seq, second.seq], PATIENCE, {first.seq: 0, second.seq: 9})
    desk.later(40)
    assert dispatch.requeue_overdue() == 0
    other = outbox.publish(fire()).id
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.admitted(outbox, other))  # at offset 0
    assert dispatch.requeue_overdue() == 1
    assert desk.send_all(dispatch) == [passed]
    desk.answer(dispatch, desk.admitted(outbox, passed))
    desk.later(BEHIND_SECONDS)
    dispatch.requeue_overdue()
    assert waiting in desk.send_all(dispatch)


def test_places_in_a_lost_log_hold_nothing_back(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Offsets of one cluster say nothing about another."""
    dispatch.enter_cluster(CLUSTER, 0, 0)
    outbox.publish(fire())
    (only,) = dispatch.queue(prompt=True, limit=1)
    dispatch.acknowledged([only.seq], PATIENCE, {only.seq: 9})
    dispatch.enter_cluster("another", 0, 0)
    assert desk.send_all(dispatch) == [only.id]
    desk.later(70)
    assert dispatch.requeue_overdue() == 1
