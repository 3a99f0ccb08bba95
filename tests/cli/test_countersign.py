"""A patrol plan countersigned: shown whole, signed by our own officers, refused where there is nothing to sign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_story import ALL_THREE, exchange, report, standings
from tests.schemas.payloads.examples import PLAN
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.commands import countersign
from yizhan.services.stores import read_outbox

OFFICE = {"org_code": "331126000000", "contact": {"name": "李四", "phone": "0578-6122110"}} | {
    name: {"name": "李四", "badge": "654321"} for name in ALL_THREE
}


@pytest.fixture
def office(tmp_path: Path) -> str:
    """Return the file that says who signs for 庆元."""
    path = tmp_path / "office.json"
    path.write_text(json.dumps(OFFICE), encoding="utf-8")
    return str(path)


def test_a_plan_is_signed_back_as_it_is_in_the_names_of_our_officers(
    station: Station, yizhan: Run, office: str
) -> None:
    """It is shown first; the other side sees it countersigned; a second time it is refused."""
    (plan,) = publish(yizhan, SHOUNING, report("patrol.plan", PLAN, to=[QINGYUAN]))
    exchange(station)
    words = ("countersign", plan, "--county", QINGYUAN)
    asked = yizhan(*words).err
    assert "机构代码、拟稿人、审核人、签发人、联系人" in asked
    assert f"yizhan {' '.join(words)} --office FILE" in asked
    assert "样例：主目录里的 office.json；结构：yizhan schema office" in asked
    named = yizhan(*words, "--name", "李四", "--badge", "654321").err
    assert "本县的 机构代码、审核人、签发人、联系人" in named
    ran = yizhan(*words, "--office", office)
    assert ran.code == 0, ran.err
    for said in ("界碑 12 号", "2026-12-03", SHOUNING):
        assert said in ran.out
    exchange(station)
    assert standings(yizhan, SHOUNING, plan)[0] == ("countersigned", QINGYUAN)
    (own,) = json.loads(yizhan("outbox", "list", "--county", QINGYUAN, "--type", "patrol.plan", "--json").out)["events"]
    with read_outbox(station.app, QINGYUAN) as outbox:
        event = None if outbox is None else outbox.event(own["id"])
    assert event is not None
    assert event.header.reply_to is not None
    assert (event.header.reply_to.id, event.header.subject, event.header.wants) == (plan, plan, None)
    assert event.header.expires == "2026-12-03T15:59:59.999Z"
    payload = json.loads(event.payload)
    assert payload["drafted_by"] == OFFICE["drafted_by"]
    assert payload["crews"] == PLAN["crews"]
    assert "本县已经会签" in yizhan(*words, "--office", office).err
    assert "不是待会签的巡护计划" in yizhan("countersign", own["id"], "--county", SHOUNING, "--office", office).err


def test_what_is_no_plan_of_theirs_that_stands_is_not_countersigned(station: Station, yizhan: Run, office: str) -> None:
    """A fire, one's own plan, one without our crew, one that was corrected or withdrawn since: each is told."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    own, alone, old, gone = publish(
        yizhan, SHOUNING,
        report("patrol.plan", PLAN, to=[QINGYUAN]),
        report("patrol.plan", PLAN | {"crews": PLAN["crews"][:1]}, to=[QINGYUAN]),
        report("patrol.plan", PLAN, to=[QINGYUAN]),
        report("patrol.plan", PLAN, to=[QINGYUAN]),
    )  # fmt: skip
    new, _withdrawal = publish(
        yizhan, SHOUNING,
        report("patrol.plan", PLAN | {"ends_on": "2026-12-05"}, supersedes={"id": old}),
        report("patrol.plan", PLAN, withdraws={"id": gone}),
    )  # fmt: skip
    exchange(station)
    for county, event_id, said in (
        (QINGYUAN, fire, "不是待会签的巡护计划"), (SHOUNING, own, "由对方会签"), (QINGYUAN, alone, "没有本县的人"),
        (QINGYUAN, old, f"yizhan countersign {new}"), (QINGYUAN, gone, "已被对方撤回"), (QINGYUAN, fire + "9", "没有"),
    ):  # fmt: skip
        ran = yizhan("countersign", event_id, "--county", county, "--office", office)
        assert (ran.code, said in ran.err) == (1, True), ran.err
    sent = yizhan("outbox", "list", "--county", QINGYUAN, "--type", "patrol.plan", "--json").out
    assert json.loads(sent)["events"] == []


def test_nothing_is_signed_before_a_person_said_yes(
    station: Station, yizhan: Run, office: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the plan is shown and asked about; whoever says no has signed nothing. Who signs is asked too."""
    (plan,) = publish(yizhan, QINGYUAN, report("patrol.plan", PLAN, to=[SHOUNING]))
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    monkeypatch.setattr(countersign, "interactive", lambda: True)
    for said, count, code in ((b"n\n", 0, 1), (b"y\n", 1, 0)):
        ran = yizhan("countersign", plan, "--office", office, "--county", SHOUNING, given=said)
        assert (ran.code, "界碑 12 号" in ran.out) == (code, True)
        sent = json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--type", "patrol.plan", "--json").out)
        assert len(sent["events"]) == count


def test_who_signs_is_asked_where_a_person_is(station: Station, yizhan: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file the plan is shown, then organisation, three officers and contact are asked for, each with an
    example and again where it cannot be; then whether to sign.
    """
    (plan,) = publish(yizhan, SHOUNING, report("patrol.plan", PLAN, to=[QINGYUAN]))
    exchange(station)
    monkeypatch.setattr(countersign, "interactive", lambda: True)
    officers = ["?", "654321", *["李四", "654321"] * 3]
    answers = ["?", "331126000000", *officers, "李四", "电话", "李四", "0578-6122110", "y"]
    ran = yizhan("countersign", plan, "--county", QINGYUAN, given="\n".join([*answers, ""]).encode())
    assert ran.code == 0, ran.err
    assert "审核人的警号（如 035112）" in ran.err
    assert ran.err.count("机构代码（如 331126000000）") == 2
    assert ran.err.count("拟稿人的姓名") == 2
    assert "界碑 12 号" in ran.out
