"""Postings read back: matched with what was sent, or kept aside."""

from __future__ import annotations

import hashlib

import pytest

from tests.world.sender import PATIENCE, Desk, fire, intelligence
from tests.world.simulator import CLUSTER, QINGYUAN, SHOUNING, World
from yizhan.producers import station_replies
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.outbox import Outbox
from yizhan.producers.station_replies import PostingRecord
from yizhan.schemas.errors import Reason
from yizhan.schemas.keys import SigningKey


def sha(outbox: Outbox, event_id: str) -> str:
    """SHA-256 of an event's record."""
    event = outbox.event(event_id)
    assert event is not None
    assert event.envelope is not None
    return hashlib.sha256(event.envelope).hexdigest()


def test_the_sender_sees_that_it_was_let_in_and_by_which_rule(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """An admission shows when the station received it, and its decision beside our own."""
    sent = outbox.publish(fire())
    desk.send_all(dispatch)
    assert outbox.rows()[0].state == "sent"
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    (posting,) = outbox.postings()
    assert (posting.state, posting.stamped_way, posting.stamped_rule) == ("accepted", "alarm", "fire")
    assert (posting.way, posting.rule) == ("alarm", "fire")
    assert outbox.figures().awaited == 0
    event = outbox.event(sent.id)
    assert event is not None
    assert event.postmark is not None


def test_the_sender_sees_why_it_was_refused(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A refusal shows its reason and sentence, and the event is not sent again."""
    sent = outbox.publish(fire())
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.refused(sha(outbox, sent.id)))
    (row,) = outbox.rows()
    assert (row.state, row.reason, row.detail) == ("refused", "future_dated", "set the clock")
    desk.later(1_000_000)
    assert dispatch.requeue_overdue() == 0


def test_a_refusal_of_many_records_refuses_the_events_among_them(
    desk: Desk, outbox: Outbox, dispatch: Dispatch
) -> None:
    """Events that stand at the places of which the postmark speaks are refused; those before and behind are not."""
    for _ in range(4):
        outbox.publish(fire())
    dispatch.enter_cluster(CLUSTER, 0, 0)
    queue = dispatch.queue(prompt=True, limit=10)
    dispatch.acknowledged([out.seq for out in queue], PATIENCE, {out.seq: 4 + n for n, out in enumerate(queue)})
    desk.answer(dispatch, desk.refused("ab" * 32, Reason.MALFORMED, first=5))  # of the record at 7
    assert [row.state for row in sorted(outbox.rows(), key=lambda row: int(row.id.rpartition("-")[2]))] == [
        "sent", "refused", "refused", "sent",
    ]  # fmt: skip


def test_a_refused_number_is_announced_as_void(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """The number of a refused event will never come: lane heads say so, and are due."""
    refused, sent = outbox.publish(fire()), outbox.publish(fire())
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.refused(sha(outbox, refused.id)), desk.admitted(outbox, sent.id))
    (head,) = outbox.lane_heads()
    assert (head.head, head.void) == (2, (1,))
    assert dispatch.voids_untold()
    outbox.announce_lane_heads()
    assert not dispatch.voids_untold()


def test_a_refused_notice_calls_for_no_other(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Notices that are refused do not breed notices."""
    outbox.publish(fire())
    (notice,) = outbox.announce_lane_heads()
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.refused(sha(outbox, notice.id), Reason.KEY_REVOKED))
    assert not dispatch.voids_untold()


@pytest.mark.parametrize("admitted_first", [True, False])
def test_being_let_in_once_counts(
    desk: Desk,
    outbox: Outbox,
    dispatch: Dispatch,
    admitted_first: bool,  # noqa: FBT001
) -> None:
    """Two copies, one let in and one refused: it was let in, in whatever order the answers come."""
    sent = outbox.publish(fire())
    desk.send_all(dispatch)
    stamps = [desk.admitted(outbox, sent.id), desk.refused(sha(outbox, sent.id))]
    desk.answer(dispatch, *(stamps if admitted_first else stamps[::-1]))
    assert [(row.state, row.reason) for row in outbox.rows()] == [("accepted", None)]
    assert outbox.lane_heads()[0].void == ()


def test_answers_read_again_change_nothing(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """The same postings read twice leave the same account, and foreign ones stand once."""
    sent = outbox.publish(fire())
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.admitted(outbox, sent.id), desk.refused("ab" * 32))
    before = outbox.postings(), outbox.foreign_postings()
    desk.posting = 0
    desk.answer(dispatch, desk.admitted(outbox, sent.id), desk.refused("ab" * 32))
    assert (outbox.postings(), outbox.foreign_postings()) == before
    assert dispatch.position(CLUSTER).next_posting == 2  # type: ignore[union-attr] # it was just read


def test_what_matches_nothing_is_kept_aside_with_its_reason(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A stranger's signature, another topic, a record never sent: each is kept, with its word."""
    sent = outbox.publish(fire())
    other = World()
    other.station = SigningKey.generate()
    forged = other.postmark(other.event(), SHOUNING)
    desk.answer(
        dispatch,
        forged,
        b"not a statement",
        b"",
        desk.refused(sha(outbox, sent.id), topic="yizhan.events.331126"),
        desk.refused("ab" * 32),
        desk.claimed("350924-20200101aaaa-1", "ab" * 32, "cd" * 32),
    )
    assert [posting.why for posting in outbox.foreign_postings()] == [
        station_replies.INVALID,
        station_replies.INVALID,
        station_replies.INVALID,
        station_replies.ELSEWHERE,
        station_replies.UNKNOWN_RECORD,
        station_replies.UNKNOWN_EVENT,
    ]
    assert outbox.rows()[0].state == "queued"
    assert len(outbox.epochs()) == 1


def test_a_posting_without_a_value_is_kept_aside(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A posting without a value is set aside and does not stop the reader."""
    dispatch.enter_cluster(CLUSTER, 0, 0)
    dispatch.enter(CLUSTER, [PostingRecord(4, None)], PATIENCE)
    assert [(posting.offset, posting.value) for posting in outbox.foreign_postings()] == [(4, b"")]


def test_digest_events_are_answered_too(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A routine event is settled by the station's answer: no receipt is awaited before the digest."""
    sent = outbox.publish(intelligence())
    desk.send_all(dispatch)
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    desk.later(1_000_000)
    assert dispatch.requeue_overdue() == 0
    assert outbox.figures().receipts_overdue == 0
    assert [(posting.recipient, posting.stamped_way) for posting in outbox.postings()] == [(QINGYUAN, "digest")]
