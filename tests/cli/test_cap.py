"""CAP at the command line: one event out, messages in as drafts, nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.schemas.payloads.examples import PEOPLE
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.producers.cap.xml import check
from yizhan.runtime.clock import utc_now
from yizhan.services.access_log import access_log_path
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts, read_outbox

MESSAGES = Path(__file__).parents[1] / "producers" / "cap_messages"
RAIN = (MESSAGES / "rainstorm-two-languages.xml").read_text("utf-8")
NAME = "Shouning_Meteorological_Observatory,35092441600000_20261123213138,2026-11-23T21:31:38+08:00"
LACKING = {**PEOPLE, "contact": {"name": "值班室", "phone": "0593-5522110"}, "dead": 0, "missing": 0, "evacuated": 12}


def taken(yizhan: Run, xml: str, county: str = SHOUNING, code: int = 0) -> dict[str, Any]:
    """Import one message; return what is told of it."""
    Path("message.xml").write_text(xml, "utf-8")
    done = yizhan("import", "cap", "message.xml", "--county", county, "--json")
    assert done.code == code, done.err
    (found,) = json.loads(done.out)["files"]
    return dict(found)


def complete(home: Path, n: int) -> None:
    """Fill in what CAP did not say, as an officer does in the form."""
    with open_drafts(Home(home), SHOUNING) as book:
        content = dict(book.get(n).content)
        book.save(n, content | {"payload": {**LACKING, **content["payload"]}}, (), utc_now())


def sent(yizhan: Run, home: Path, n: int) -> str:
    """Complete a draft and send it; return its id."""
    complete(home, n)
    done = yizhan("draft", "send", str(n), "--county", SHOUNING, "--yes", "--json")
    assert done.code == 0, done.err
    return str(json.loads(done.out)["id"])


def header(home: Path, event_id: str) -> dict[str, Any]:
    """Return the header of what 寿宁 sent."""
    with read_outbox(Home(home), SHOUNING) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    assert own is not None
    return own.header.model_dump(mode="json", exclude_none=True)


def later(kind: str, identifier: str, **words: str) -> str:
    """Write a later message about the rainstorm."""
    xml = RAIN.replace("35092441600000_20261123213138", identifier).replace("<msgType>Alert", f"<msgType>{kind}")
    for old, new in words.items():
        assert old in xml
        xml = xml.replace(old, new)
    return xml.replace("<note></note>", f"<references>{NAME}</references>")


def test_a_message_becomes_one_draft_and_one_event(yizhan: Run, home: Path) -> None:
    """Importing a message again makes no second draft, neither while the first one waits nor after it was sent."""
    first = taken(yizhan, RAIN)
    (draft,) = first["drafts"]
    assert "死亡人数" in draft["missing"]
    assert taken(yizhan, RAIN)["drafted_before"] == [draft["n"]]
    event_id = sent(yizhan, home, draft["n"])
    again = taken(yizhan, RAIN)
    assert (again["sent_before"], again["drafts"], again["drafted_before"]) == ([event_id], [], [])
    assert header(home, event_id)["touches"] == [QINGYUAN]


def test_an_update_and_a_cancel_follow_what_was_sent(yizhan: Run, home: Path) -> None:
    """An update goes into the thread of the first message; cancelling the update withdraws the whole matter once."""
    first = sent(yizhan, home, taken(yizhan, RAIN)["drafts"][0]["n"])
    update = sent(yizhan, home, taken(yizhan, later("Update", "second"))["drafts"][0]["n"])
    said = header(home, update)
    assert (said["subject"], said["reply_to"]["id"], said["stage"]) == (first, first, "update")
    whole = later("Cancel", "third").replace(NAME, NAME.replace("35092441600000_20261123213138", "second"))
    drafts = taken(yizhan, whole)["drafts"]
    gone = [sent(yizhan, home, each["n"]) for each in drafts]
    assert [header(home, each)["withdraws"]["id"] for each in gone] == [first, update]
    assert taken(yizhan, whole)["sent_before"] == gone


@pytest.mark.parametrize("kind", ["Cancel", "Update"])
def test_who_speaks_of_anothers_message_is_told(yizhan: Run, home: Path, kind: str) -> None:
    """An observatory takes back, or goes on with, what another one sent: an officer sees that before it goes."""
    (first,) = taken(yizhan, RAIN)["drafts"]
    sent(yizhan, home, first["n"])
    foreign = {"<sender>Shouning_Meteorological_Observatory": "<sender>Qingyuan_Meteorological_Observatory"}
    came = taken(yizhan, later(kind, "third", **foreign))
    assert len(came["drafts"]) == 1
    assert any("Qingyuan" in said and "Shouning" in said for said in came["unfit"])
    own = taken(yizhan, later(kind, "fourth"))
    assert not any("Shouning" in said for said in own["unfit"])


def test_an_exercise_takes_back_no_real_event(yizhan: Run, home: Path) -> None:
    """A Cancel of status Exercise about what was Actual is refused, an Update is a matter of its own."""
    sent(yizhan, home, taken(yizhan, RAIN)["drafts"][0]["n"])
    drill = {"<status>Actual": "<status>Exercise"}
    cancel = taken(yizhan, later("Cancel", "third", **drill), code=1)
    assert (cancel["drafts"], len(cancel["unfit"])) == ([], 2)
    (update,) = taken(yizhan, later("Update", "second", **drill))["drafts"]
    said = header(home, sent(yizhan, home, update["n"]))
    assert (said["status"], said["stage"], "reply_to" in said) == ("Exercise", "first", False)


def test_a_cancel_of_a_draft_or_of_nothing_makes_no_draft(yizhan: Run, home: Path) -> None:
    """What was never sent is not withdrawn: the draft is named, or there is nothing."""
    assert taken(yizhan, later("Cancel", "third"), code=1)["refused"] != []
    n = taken(yizhan, RAIN)["drafts"][0]["n"]
    cancel = taken(yizhan, later("Cancel", "third"))
    assert cancel["drafts"] == []
    assert any(f"draft drop {n}" in each for each in cancel["unfit"])


@pytest.mark.parametrize(
    ("circle", "word"), [("26.5,121.5 1", "在海上"), ("27.62,119.06 1", "不在所填的"), ("27.40,119.33 4.0", "")]
)
def test_a_position_elsewhere_is_asked_about(yizhan: Run, home: Path, circle: str, word: str) -> None:
    """At the import, and again before the draft goes; kept, it is marked for the reader."""
    (draft,) = taken(yizhan, RAIN.replace("27.40,119.33 4.0", circle))["drafts"]
    assert any(word in each for each in draft["doubts"]) if word else draft["doubts"] == []
    event_id = sent(yizhan, home, draft["n"])
    with read_outbox(Home(home), SHOUNING) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    assert own is not None
    assert ("doubtful" in json.loads(own.payload)) is bool(word)


def test_what_was_sent_goes_out_and_does_not_come_back_twice(yizhan: Run, home: Path, tmp_path: Path) -> None:
    """A fire of the sample as CAP: valid, recorded in the access log, overwriting no file; our own is known again."""
    yizhan("publish", str(home / "event.jsonl"), "--county", SHOUNING, "--yes")
    ids = [each["id"] for each in json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"]]
    made = yizhan("cap", ids[1], "--county", SHOUNING, "-o", "fire.xml", "--english")
    assert made.code == 0
    root = etree.parse(tmp_path / "fire.xml").getroot()
    check(root)
    assert (tmp_path / "fire.xml").stat().st_mode & 0o077 == 0
    assert yizhan("cap", ids[1], "--county", SHOUNING, "-o", "fire.xml").code == 1
    assert yizhan("cap", ids[1], "--county", SHOUNING).raw.startswith(b"<?xml")
    assert yizhan("cap", ids[2], "--county", SHOUNING).code == 1
    assert yizhan("cap", "350924-nosuchbook-1", "--county", SHOUNING).code == 1
    assert ids[1] in access_log_path(Home(home), SHOUNING).read_text("utf-8")
    text = (tmp_path / "fire.xml").read_text("utf-8")
    assert taken(yizhan, text)["sent_before"] == [ids[1]]
    # At another county it is that county's own event: nobody else's officers, recipients or thread.
    (draft,) = taken(yizhan, text, QINGYUAN)["drafts"]
    with open_drafts(Home(home), QINGYUAN) as book:
        content = book.get(draft["n"]).content
    assert not {"subject", "reply_to", "touches", "time"} & content.keys()
    assert not {"drafted_by", "contact"} & content["payload"].keys()
    assert content["payload"]["org_code"] == "331126000000"
    assert ids[1] in content["payload"]["summary"]
    assert any("各县只报本县境内的" in each for each in draft["doubts"])


def test_good_messages_go_on_where_one_is_bad(yizhan: Run, home: Path) -> None:
    """Each file for itself; people read why, in either language, and the exit status tells."""
    Path("bomb.xml").write_bytes(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>')
    Path("rain.xml").write_text(RAIN, "utf-8")
    done = yizhan("--lang", "en", "import", "cap", "bomb.xml", "none.xml", "rain.xml", "--county", SHOUNING)
    assert done.code == 1
    assert "DOCTYPE" in done.err
    assert "none.xml" in done.err
    assert "Draft 1: Natural disaster" in done.out
    given = yizhan("import", "cap", "-", "--county", QINGYUAN, given=RAIN.encode())
    assert given.code == 0


def test_what_came_in_goes_out_and_is_not_drafted_again(yizhan: Run, home: Path) -> None:
    """From the inbox, with the first report's time in ``references``; a withdrawn one says so."""
    station = Station(home)
    (first,) = publish(yizhan, SHOUNING, FIRE)
    more = {"stage": "update", "worse": False, "external_ref": "接-2", "reply_to": {"id": first}}
    (update,) = publish(yizhan, SHOUNING, {**FIRE, **more, "payload": {**FIRE["payload"], **PEOPLE}})
    away = {"withdraws": {"id": update}, "external_ref": "接-3", "payload": {**FIRE["payload"], **PEOPLE}}
    (gone,) = publish(yizhan, SHOUNING, {**FIRE, **away, "stage": "final"})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    made = yizhan("cap", update, "--county", QINGYUAN)
    assert made.code == 0, made.err
    assert gone in made.err
    root = etree.fromstring(made.raw)
    assert f"yizhan:{SHOUNING},{first},2" in (root.findtext("{*}references") or "")
    assert root.findtext("{*}msgType") == "Update"
    assert "--reply-to" in taken(yizhan, made.raw.decode(), QINGYUAN, code=1)["refused"][0]
    cancelled = etree.fromstring(yizhan("cap", gone, "--county", QINGYUAN).raw)
    assert cancelled.findtext("{*}msgType") == "Cancel"
