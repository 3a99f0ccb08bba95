"""The inbox: one row and one ring an event, and what is found in it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.consumers.inbox_cases import OTHER, id_of, receipt, ref_of
from tests.world.forge import forge
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import INTELLIGENCE, World
from yizhan.consumers import items
from yizhan.consumers.errors import WrongInbox
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import State, Warn
from yizhan.runtime.errors import StoreError
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.errors import Reason
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import KAFKA_HEADER


def test_an_alarm_is_one_row_that_rings(listener: Listener) -> None:
    """A fire that touches us is opened, stored, and rings."""
    outcome = listener.deliver(listener.event())
    assert outcome.rings
    assert outcome.item is not None
    (item,) = listener.inbox.items()
    assert item == outcome.item
    assert (item.way, item.rule, item.state, item.warnings) == ("alarm", "fire", State.RINGING, (Warn.PAYLOAD_INVALID,))
    assert item.payload == b'{"summary":"test"}'
    assert listener.inbox.ringing() == (item,)
    assert item.contents is not None
    assert item.contents.raw == {"summary": "test"}


def test_whatever_is_read_again_is_one_row_and_one_ring(listener: Listener) -> None:
    """The same record three times, after a restart too: one row, one ring."""
    record = listener.stamped(listener.event())
    outcomes = [listener.inbox.receive(record), listener.inbox.receive(record)]
    listener.restart()
    outcomes.append(listener.inbox.receive(record))
    assert [outcome.became for outcome in outcomes] == ["stored", "duplicate", "duplicate"]
    assert [outcome.rings for outcome in outcomes] == [True, False, False]
    assert len(listener.inbox.items()) == 1


def test_many_in_one_transaction_are_as_one_by_one(listener: Listener) -> None:
    """A batch keeps order, suppresses what is double, and one bad record harms no other."""
    fires = [listener.event() for _ in range(3)]
    records = [listener.stamped(fires[0]), listener.arrived(b"noise"), *map(listener.stamped, fires)]
    assert [outcome.became for outcome in listener.inbox.receive_many(records)] == [
        "stored", "aside", "duplicate", "stored", "stored",
    ]  # fmt: skip
    assert [item.id for item in listener.inbox.items()] == [id_of(fire) for fire in fires]


def test_a_notice_is_quiet(listener: Listener) -> None:
    """An exercise comes at once, rings nobody, and bears its mark."""
    outcome = listener.deliver(listener.event(status="Exercise"))
    assert outcome.item is not None
    assert not outcome.rings
    assert (outcome.item.way, outcome.item.state) == ("notice", State.QUIET)
    assert outcome.item.title == "【演练】森林火灾"


def test_another_event_under_the_same_id_is_evidence(listener: Listener, world: World) -> None:
    """The first stays and says so; the other is kept whole, once."""
    header = world.header(to=(ME,))
    first, second = world.seal(header, b'{"summary":"one"}'), world.seal(header, b'{"summary":"two"}')
    listener.deliver(first)
    assert [listener.deliver(second).became, listener.deliver(second).became] == ["conflict", "conflict"]
    (item,) = listener.inbox.items()
    assert item.hash == parse_envelope(first).hash
    assert Warn.ID_CONFLICT in item.warnings
    (conflict,) = listener.inbox.conflicts()
    assert (conflict.id, conflict.envelope, conflict.first_hash) == (header.id, second, item.hash)


def test_a_full_disk_stores_nothing_and_says_so(listener: Listener) -> None:
    """When the outbox cannot take a receipt in, the whole step is undone and can be read again."""
    own = listener.world.event(ME, (PARTNER,))
    listener.desk.audiences = {id_of(own): (PARTNER,)}
    record = listener.stamped(receipt(listener, own))
    listener.desk.full = True
    with pytest.raises(StoreError):
        listener.inbox.receive_many([listener.stamped(listener.event()), record])
    assert listener.inbox.items(InboxQuery(system=True)) == ()
    listener.desk.full = False
    assert listener.inbox.receive(record).became == "stored"


def test_an_inbox_is_one_countys(listener: Listener, world: World) -> None:
    """Another county's inbox does not open under our name."""
    with pytest.raises(WrongInbox):
        Inbox(listener.path, OTHER, [], world.charters)


def test_how_far_it_read_is_written_with_the_rows(listener: Listener) -> None:
    """A cluster each, a topic each; what was skipped counts as read, and is kept aside by its place."""
    inbox = listener.inbox
    assert inbox.position("a", "alert") == 0
    inbox.receive_many([listener.stamped(listener.event()) for _ in range(3)], "a")
    inbox.keep_unreadable("a", "digest", range(7, 9), "no such codec")
    listener.restart()
    found = {(c, k): listener.inbox.position(c, k) for c in ("a", "b") for k in ("alert", "digest")}
    assert found == {("a", "alert"): 3, ("a", "digest"): 9, ("b", "alert"): 0, ("b", "digest"): 0}
    (aside,) = listener.inbox.aside()
    assert (aside.place, aside.reason) == ("0/7", Reason.MALFORMED)


def test_items_are_found_by_what_is_asked(listener: Listener) -> None:
    """By way, state, type, county, text and time; receipts and notices only on demand."""
    fire, drill = listener.event(), listener.event(status="Exercise")
    report = listener.event(OTHER, type=INTELLIGENCE, priority="flash", stage=None)
    listener.deliver(fire)
    listener.deliver(drill)
    listener.deliver(report, OTHER)
    asked = {
        "way": InboxQuery(way=Way.NOTICE),
        "state": InboxQuery(state=State.RINGING),
        "type": InboxQuery(type=INTELLIGENCE),
        "county": InboxQuery(county=PARTNER),
        "text": InboxQuery(text="test"),
        "nothing": InboxQuery(text="没有这样的话"),
        "since": InboxQuery(since=listener.clock() + timedelta(seconds=1)),
        "last": InboxQuery(limit=1),
    }
    found = {name: [item.id for item in listener.inbox.items(query)] for name, query in asked.items()}
    assert found == {
        "way": [id_of(drill)],
        "state": [id_of(fire), id_of(report)],
        "type": [id_of(report)],
        "county": [id_of(fire), id_of(drill)],
        "text": [id_of(fire), id_of(drill), id_of(report)],
        "nothing": [],
        "since": [],
        "last": [id_of(report)],
    }


def test_the_first_of_several_postmark_headers_counts(listener: Listener, world: World) -> None:
    """Headers that others put beside it are not looked at."""
    fire = listener.event()
    record = listener.stamped(fire)
    more = replace(record, headers=(("ce_type", b"x"), ("nul", None), *record.headers, (KAFKA_HEADER, b"noise")))
    outcome = listener.inbox.receive(more)
    assert outcome.item is not None
    assert outcome.item.warnings == (Warn.PAYLOAD_INVALID,)


def test_a_matter_is_found_by_index(listener: Listener) -> None:
    """A matter is read by an index: no rows are scanned but those that refer to the event or are referred to by it."""
    with sqlite3.connect(f"file:{listener.inbox.path}?mode=ro", uri=True) as conn:
        plans = [conn.execute(f"EXPLAIN QUERY PLAN {sql}", {"id": "x", "receipt": "y"}) for sql in items._BESIDE]  # noqa: SLF001 -- what is asked
        assert not [row for plan in plans for row in plan if "SCAN" in row[3]]
    conn.close()


def test_a_reply_is_found_however_its_header_is_spelled(listener: Listener) -> None:
    """A name that is written with escapes is the same name (specification 2.2)."""
    asked = listener.event()
    listener.deliver(asked)
    header = listener.world.header(PARTNER, (listener.county,), reply_to=ref_of(asked))
    spelled = header.to_bytes().replace(b'"reply_to"', b'"reply\\u005fto"')
    seals = [listener.world.counties[listener.county].sealing.public]
    assert listener.deliver(forge(spelled, seals, listener.world.counties[PARTNER].signing)).became == "stored"
    assert header.id in listener.inbox.related_ids(id_of(asked))
