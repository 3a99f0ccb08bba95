"""What is said about a partner's events is composed without a key, queued, and sealed as the commands publish it."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.schemas.payloads.examples import CONSULTATION, PLAN
from tests.services.access_world import OFFICER, SIGNERS, NoPassphrase
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from yizhan.producers.drafts import parse_draft
from yizhan.producers.queries import OutboxQuery, OwnEvent
from yizhan.runtime import access_log
from yizhan.services.actor import Actor
from yizhan.services.drafts import NewDraft, begin_draft
from yizhan.services.home import Home
from yizhan.services.matters import compose_link, prepare_countersignature
from yizhan.services.obligations import compose_completion
from yizhan.services.queue import queue_content, queue_draft, result_of
from yizhan.services.replies import Reply, compose_reply
from yizhan.services.sealing import seal_draft
from yizhan.services.stores import open_drafts, open_outbox, read_inbox, read_outbox

ACTOR = Actor("654321", "desk reply", OFFICER)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Station:
    """Make a home whose county 庆元 received a fire, a plan and minutes, and saw a fire itself."""
    station = with_a_fire(tmp_path_factory.mktemp("composing") / "home")

    def letter(kind: str, payload: dict[str, Any], **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
        content = {name: value for name, value in payload.items() if name != "external_ref"}
        return {"type": f"yizhan.{kind}.v1", "to": [QINGYUAN], "payload": content, **attributes}

    with open_outbox(station.app, SHOUNING, NoPassphrase()) as outbox:
        outbox.publish(parse_draft(letter("patrol.plan", PLAN)))
        outbox.publish(parse_draft(letter("liaison.consultation", CONSULTATION, stage="final")))
    with open_outbox(station.app, QINGYUAN, NoPassphrase()) as outbox:
        content = FIRE["payload"] | {"place": {"county": QINGYUAN}}
        outbox.publish(parse_draft(FIRE | {"touches": [SHOUNING], "payload": content}))
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return station


def own_fire(home: Home) -> str:
    """Return the id of the fire that 庆元 saw itself."""
    with read_outbox(home, QINGYUAN) as outbox:
        (row,) = () if outbox is None else outbox.rows(OutboxQuery(type=FIRE["type"], limit=1))
    return row.id


def seal_all(home: Home) -> dict[int, OwnEvent]:
    """Seal what is queued; return each draft's event."""
    found = dict[int, OwnEvent]()
    with open_outbox(home, QINGYUAN, NoPassphrase()) as outbox, open_drafts(home, QINGYUAN) as store:
        while (draft := store.next_queued()) is not None:
            seal_draft(home, outbox, store, draft)
            record = result_of(home, QINGYUAN, draft.n)
            own = None if record is None else outbox.event(record.event)
            assert own is not None, store.get(draft.n).refused
            found[draft.n] = own
    return found


def test_reply_link_completion_and_countersignature_need_no_key(station: Station) -> None:
    """Each is checked when it is composed, enters the access log, and arrives as an answer in the officer's name."""
    home = station.app
    keys, away = home.county_folder(QINGYUAN) / "keys", home.path / "keys-away"
    with read_inbox(home, QINGYUAN) as inbox:
        assert inbox is not None
        fire, plan, minutes = (item.id for item in inbox.items())
    own = own_fire(home)
    shutil.move(keys, away)
    composed = [
        compose_reply(home, QINGYUAN, Reply(fire, "已派人"), ACTOR),
        compose_link(home, QINGYUAN, own, fire, None, ACTOR),
        compose_completion(home, QINGYUAN, minutes, 1, None, ACTOR),
        prepare_countersignature(home, QINGYUAN, plan, SIGNERS, ACTOR).content,
    ]
    queued = [queue_content(home, QINGYUAN, content, ACTOR) for content in composed]
    shutil.move(away, keys)
    sent = seal_all(home)
    headers = [sent[n].header for n in queued]
    answered = [None if header.reply_to is None else header.reply_to.id for header in headers]
    assert answered == [fire, fire, minutes, plan]
    assert headers[0].priority == FIRE["priority"]
    payloads = [json.loads(sent[n].payload) for n in queued]
    assert [(each.get("by") or each["drafted_by"])["badge"] for each in payloads] == [OFFICER.badge] * 4
    assert payloads[2]["decisions"] == [1]
    entries, _breaks = access_log.check(access_log.read(home.county_folder(QINGYUAN) / access_log.FILE))
    assert [entry.what for entry in entries if entry.command == ACTOR.operation] == [(fire,), (minutes,), (plan,)]


def test_an_event_is_taken_back_through_the_queue(station: Station) -> None:
    """What ``begin_draft`` makes of an own event is a draft like any other."""
    home = station.app
    own = own_fire(home)
    n = begin_draft(home, QINGYUAN, NewDraft(FIRE["type"], withdraws=own))
    queue_draft(home, QINGYUAN, n, ACTOR, 1, confirmed=True)
    withdraws = seal_all(home)[n].header.withdraws
    assert withdraws is not None
    assert withdraws.id == own
