"""An officer's answer from a face that has no key: a row of the inbox, which the receiving process sends."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from typing import Any

import pytest

from tests.services.access_world import OFFICER, NoPassphrase
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from yizhan.consumers.receipts import standing
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.schemas.errors import NotFound
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import Actor
from yizhan.services.errors import Conflict
from yizhan.services.home import Home
from yizhan.services.inbox import OfficerAnswer, answer_item, find_item
from yizhan.services.stores import inbox_path, open_inbox, open_outbox, read_inbox, read_outbox

ACTOR = Actor("654321", "desk inbox answer", OFFICER)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Station:
    """Make a home whose county 庆元 received a fire."""
    return with_a_fire(tmp_path_factory.mktemp("answers") / "home")


def fire(station: Station, **more: Any) -> str:  # noqa: ANN401 -- of any attribute
    """Let 寿宁 send a fire that 庆元 receives; return its id."""
    with open_outbox(station.app, SHOUNING, NoPassphrase()) as outbox:
        content = FIRE | {"external_ref": f"接-{next(_numbers)}-答"} | more
        sent = outbox.publish(parse_draft(content)).id
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return sent


def receipts(home: Home, event_id: str) -> list[tuple[str, bytes]]:
    """List the stages of the receipts about one event that the outbox of 庆元 took, and their contents."""
    with read_outbox(home, QINGYUAN) as outbox:
        found = [] if outbox is None else [outbox.event(row.id) for row in outbox.rows()]
    refs = [(own.header.receipt, own.payload) for own in found if own is not None]
    return [(ref.stage, said) for ref, said in refs if ref is not None and ref.event and ref.event.id == event_id]


def tick(home: Home) -> None:
    """Do what the receiving process does four times a second."""
    with open_inbox(home, QINGYUAN, NoPassphrase()) as inbox:
        inbox.tick()


def test_one_answer_a_hundred_times_is_one_row_and_one_receipt(station: Station) -> None:
    """No key is read; the first tick of the receiving process sends it, and nothing is left."""
    home, event = station.app, fire(station)
    keys, away = home.county_folder(QINGYUAN) / "keys", home.path / "keys-away"
    shutil.move(keys, away)
    answers = [answer_item(home, QINGYUAN, event, OfficerAnswer(note="已派人"), ACTOR) for _ in range(100)]
    assert [each.entered for each in answers] == [True] + [False] * 99
    assert (answers[0].item.state, len(answers[-1].item.answers)) == ("acknowledged", 1)
    assert receipts(home, event) == []
    shutil.move(away, keys)
    tick(home)
    tick(home)
    ((stage, said),) = receipts(home, event)
    assert (stage, OFFICER.badge.encode() in said, "已派人".encode() in said) == ("acknowledged", True, True)
    with read_inbox(home, QINGYUAN) as inbox:
        assert inbox is not None
        assert inbox.count_owed_receipts() == 0
    entries, _breaks = access_log.check(access_log.read(home.county_folder(QINGYUAN) / access_log.FILE))
    assert [entry.what for entry in entries if entry.command == ACTOR.operation] == [(event,)] * 100


def test_the_words_of_two_officers_are_both_kept(station: Station) -> None:
    """Both saw it ring; the second is no conflict, and both receipts leave."""
    home, event = station.app, fire(station)
    seen = standing(find_item(home, QINGYUAN, event))
    for officer in (OFFICER, Person(name="王芳", badge="331126")):
        answer_item(home, QINGYUAN, event, OfficerAnswer(seen=seen), replace(ACTOR, officer=officer))
    assert [each.name for each in find_item(home, QINGYUAN, event).answers] == [OFFICER.name, "王芳"]
    tick(home)
    assert [stage for stage, _said in receipts(home, event)] == ["acknowledged"] * 2


@pytest.mark.parametrize("change", ["withdraws", "supersedes"])
def test_an_answer_to_what_its_sender_changed_meanwhile_is_not_entered(station: Station, change: str) -> None:
    """The officer is told, and answers what he sees then."""
    home, event = station.app, fire(station)
    seen = standing(find_item(home, QINGYUAN, event))
    changing = fire(station, **{change: {"id": event}})
    with pytest.raises(Conflict, match=event):
        answer_item(home, QINGYUAN, event, OfficerAnswer(seen=seen), ACTOR)
    found = find_item(home, QINGYUAN, event)
    assert (found.answers, changing in standing(found)) == ((), True)
    assert answer_item(home, QINGYUAN, event, OfficerAnswer(seen=standing(found)), ACTOR).entered


def test_where_nothing_was_received_no_inbox_is_made(station: Station) -> None:
    """A desk that is started before the inbox leaves no file behind."""
    with pytest.raises(NotFound):
        answer_item(station.app, SHOUNING, "350924-1-1", OfficerAnswer(), ACTOR)
    assert not inbox_path(station.app, SHOUNING).exists()
