"""Every word that is signed names an officer: given, or asked for on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli import officer_options
from yizhan.services.home import Home
from yizhan.services.stores import read_outbox

OFFICER = {"name": "李四", "badge": "654321"}
NAMED = ("--name", OFFICER["name"], "--badge", OFFICER["badge"])


@pytest.fixture
def fire(station: Station, yizhan: Run) -> str:
    """Let a fire of 寿宁 arrive at 庆元."""
    (sent,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return sent


def payload(home: Path, event_id: str) -> dict[str, Any]:
    """Return the content of an event that 庆元 sent."""
    with read_outbox(Home(home), QINGYUAN) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    assert own is not None
    found: dict[str, Any] = json.loads(own.payload)
    return found


@pytest.mark.parametrize("words", [("inbox", "ack", "{fire}"), ("reply", "{fire}", "收到")])
@pytest.mark.parametrize("named", [(), ("--name", "李四"), ("--badge", "654321")])
def test_a_word_that_needs_an_officer_is_wrong_without(
    yizhan: Run, fire: str, words: tuple[str, ...], named: tuple[str, ...]
) -> None:
    """Where nobody can be asked, the command ends with 2 and names the options to give."""
    ran = yizhan(*(word.format(fire=fire) for word in words), *named, "--county", QINGYUAN)
    assert ran.code == 2
    assert "请用 --name 和 --badge 写明" in ran.err


@pytest.mark.parametrize("named", [("--name", "2", "--badge", "654321"), ("--name", "刘某", "--badge", "刘某")])
def test_an_implausible_officer_signs_nothing(yizhan: Run, home: Path, fire: str, named: tuple[str, ...]) -> None:
    """A slip is refused with the reason (exit 1), and nothing is entered or sent."""
    listing = ("outbox", "list", "--county", QINGYUAN, "--json")
    before = json.loads(yizhan(*listing).out)["events"]
    for words in (("inbox", "ack", fire), ("reply", fire, "收到")):
        ran = yizhan(*words, *named, "--county", QINGYUAN)
        assert (ran.code, "姓名或警号有误" in ran.err) == (1, True)
    assert json.loads(yizhan(*listing).out)["events"] == before


def test_a_notice_names_its_officer(yizhan: Run, home: Path, fire: str) -> None:
    """``link`` carries name and badge; a script that names nobody still sends, and is told."""
    ours = FIRE | {"touches": [SHOUNING], "payload": FIRE["payload"] | {"place": {"county": QINGYUAN}}}
    own, other = publish(yizhan, QINGYUAN, ours, ours | {"external_ref": "接-2"})
    ran = yizhan("link", own, fire, *NAMED, "--county", QINGYUAN, "--json")
    assert payload(home, json.loads(ran.out)["id"])["by"] == OFFICER
    ran = yizhan("link", other, fire, "--county", QINGYUAN, "--json")
    assert ran.code == 0
    assert "没有写明由哪位民警告知" in ran.err
    assert "by" not in payload(home, json.loads(ran.out)["id"])


def test_on_a_terminal_the_officer_is_asked_for(yizhan: Run, fire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``inbox ack`` without options asks for name and badge number."""
    monkeypatch.setattr(officer_options, "interactive", lambda: True)
    ran = yizhan("inbox", "ack", fire, "--county", QINGYUAN, given="李四\n654321\n".encode())
    assert ran.code == 0
    assert ran.err.index("签名民警的姓名") < ran.err.index("这位民警的警号")
    (item,) = json.loads(yizhan("inbox", "list", "--county", QINGYUAN, "--json").out)["items"]
    assert [(each["name"], each["badge"]) for each in item["answers"]] == [("李四", "654321")]
