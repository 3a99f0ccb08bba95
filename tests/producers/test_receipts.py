"""What recipients say of our events: it binds from them, about these, once."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.world.sender import PATIENCE, Desk, fire, intelligence, ref
from tests.world.simulator import CANGNAN, QINGYUAN, SHOUNING
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.outbox import Outbox
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime.store import open_store

HASH = bytes(32)
PERSON = {"by": {"name": "李四", "badge": "331126"}}


def delivered(outbox: Outbox) -> list[int]:
    """Numbers of the prompt lane to the partner that it has confirmed."""
    return [row.n for row in outbox.postings() if row.delivered and row.lane == "prompt" and row.recipient == QINGYUAN]


def test_a_cumulative_receipt_confirms_up_to_a_number_and_beyond_a_gap(desk: Desk, outbox: Outbox) -> None:
    """`up_to` 2 and `beyond` 4 confirm 1, 2 and 4 of that lane, and nothing of another."""
    for _ in range(5):
        outbox.publish(fire())
    outbox.publish(intelligence())
    outbox.confirm(desk.delivered(outbox, 2, beyond=(4,)), HASH, {})
    assert delivered(outbox) == [1, 2, 4]
    assert [row.delivered for row in outbox.postings() if row.lane == "digest"] == [None]


def test_a_receipt_again_or_an_older_one_changes_nothing(desk: Desk, outbox: Outbox) -> None:
    """Receipts are idempotent: the first word stands, a late smaller one takes nothing back."""
    for _ in range(3):
        outbox.publish(fire())
    receipt = desk.delivered(outbox, 3)
    outbox.confirm(receipt, HASH, {})
    before = outbox.postings()
    for again in (receipt, desk.delivered(outbox, 1), desk.delivered(outbox, 0)):
        outbox.confirm(again, HASH, {})
    assert outbox.postings() == before


@pytest.mark.parametrize("stage", ["acknowledged", "acted", "declined", "unopenable"])
def test_a_persons_word_is_kept_with_who_said_it(desk: Desk, outbox: Outbox, stage: str) -> None:
    """Acknowledged, acted, declined, unopenable: by whom and when, and that it was delivered."""
    sent = outbox.publish(fire())
    receipt = desk.receipt(stage=stage, event=ref(sent))
    outbox.confirm(receipt, HASH, PERSON)
    outbox.confirm(receipt, HASH, PERSON)
    (row,) = outbox.postings()
    assert row.delivered == receipt.time
    assert {name: [(said.time, said.payload) for said in words] for name, words in row.said.items()} == {
        stage: [(receipt.time, PERSON)]
    }
    assert row.opened == (None if stage == "unopenable" else row.delivered)


def test_every_persons_word_is_kept(desk: Desk, outbox: Outbox) -> None:
    """A second officer's acknowledgement stands beside the first."""
    sent = outbox.publish(fire())
    other = {"by": {"name": "李强", "badge": "331126008"}}
    for payload in (PERSON, other):
        outbox.confirm(desk.receipt(stage="acknowledged", event=ref(sent)), HASH, payload)
    (row,) = outbox.postings()
    assert [said.payload for said in row.said["acknowledged"]] == [PERSON, other]


def test_what_does_not_bind_changes_nothing(desk: Desk, outbox: Outbox) -> None:
    """From who is no recipient, about another hash, id or source: nothing is confirmed."""
    sent = outbox.publish(fire())
    events: list[dict[str, Any]] = [
        {"event": {"id": sent.id, "hash": "00" * 32}},
        {"event": {"id": sent.id[:-1] + "9", "hash": sent.hash.hex()}},
    ]
    for said in events:
        outbox.confirm(desk.receipt(stage="acknowledged", **said), HASH, PERSON)
    outbox.confirm(desk.receipt(CANGNAN, stage="acknowledged", event=ref(sent)), HASH, PERSON)
    outbox.confirm(desk.delivered(outbox, 5, county=CANGNAN), HASH, {})
    outbox.confirm(desk.delivered(outbox, 5, source=f"{SHOUNING}.forest"), HASH, {})
    outbox.confirm(desk.delivered(outbox, 5, book="20200101aaaa"), HASH, {})
    outbox.confirm(desk.world.header(QINGYUAN, (SHOUNING,)), HASH, {})
    (row,) = outbox.postings()
    assert (row.delivered, row.said) == (None, {})


def test_the_audience_of_our_events_and_of_no_others(outbox: Outbox) -> None:
    """Whoever checks a receipt learns to whom the event went, and None for what was never sent."""
    sent = outbox.publish(fire(to=(CANGNAN, QINGYUAN)))
    assert outbox.audience(sent.id) == (CANGNAN, QINGYUAN)
    assert outbox.audience(f"{SHOUNING}-20200101aaaa-1") is None


def test_confirmed_by_all_it_is_sent_no_more(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Once every recipient has it, nothing is sent again, even if the station's answer got lost."""
    outbox.publish(fire())
    desk.send_all(dispatch)
    outbox.confirm(desk.delivered(outbox, 1), HASH, {})
    desk.later(1_000_000)
    assert dispatch.requeue_overdue() == 0


def test_bytes_are_kept_until_all_confirmed_and_dropped_only_when_told(
    desk: Desk, outbox: Outbox, dispatch: Dispatch
) -> None:
    """Prune drops the bytes of what all have confirmed, and of nothing else; the account stays."""
    ids = [outbox.publish(fire()).id for _ in range(3)]
    outbox.confirm(desk.delivered(outbox, 2), HASH, {})
    desk.later(3600)
    assert outbox.prune(desk.now) == 2
    assert [event.envelope is None for each in ids if (event := outbox.event(each))] == [True, True, False]
    assert len(outbox.rows()) == 3
    dispatch.acknowledged([], PATIENCE)


def test_receipts_of_an_older_database_stay(tmp_path: Path) -> None:
    """What recipients said before a second word could be kept is still there."""
    path = tmp_path / "old.sqlite3"
    row = (1, QINGYUAN, "acknowledged", "2026-11-23T08:00:00.000Z", "331126-x-1", HASH, "{}")
    with contextlib.closing(open_store(path, MIGRATIONS[:2])) as old:
        old.execute("INSERT INTO books VALUES (1, 'b', '', '')")
        old.execute(
            "INSERT INTO events (seq, id, book, n, type, accepted, hash, record_sha256, prompt, awaits)"
            " VALUES (1, '1', 'b', 1, '', '', x'00', x'00', 1, 1)"
        )
        old.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    with contextlib.closing(open_store(path, MIGRATIONS)) as new:
        assert [tuple(each) for each in new.execute("SELECT * FROM receipts")] == [row]
