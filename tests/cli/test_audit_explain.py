"""One event's whole life, and what was owed for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from tests.cli.audit_cases import found
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.ledger.audit.history import HistoryStepKind
from yizhan.ledger.audit.labels import step_name
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import ReceiptRef
from yizhan.schemas.timestamps import instant, written
from yizhan.services.stores import read_outbox


def test_one_events_whole_life(station: Station, fires: list[str], yizhan: Run) -> None:
    """Learnt, sent, stamped, decided by which rule, delivered, looked at, acknowledged by whom, in which digest."""
    yizhan("inbox", "show", fires[0], "--county", QINGYUAN)
    station.close(QINGYUAN, "2026Q4")
    station.log()
    ran = yizhan("audit", "explain", fires[0], "--proofs", "proofs", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    steps = {step["what"]: step for step in found["life"]["steps"]}
    assert list(steps) == [
        "learnt", "accepted", "received", "decided", "owed", "stored", "delivered", "opened", "acknowledged",
        "digested",
    ]  # fmt: skip
    assert steps["decided"]["said"] | {"because": 0} == {
        "way": "alarm", "rule": "fire", "because": 0, "charter": station.app.charter.name, "recomputed": True,
    }  # fmt: skip
    assert (steps["acknowledged"]["county"], steps["acknowledged"]["by"]) == (QINGYUAN, "李四（654321）")
    assert steps["digested"]["said"] == {"label": "2026Q4", "position": 0, "proven": True}
    assert {what for what, step in steps.items() if step["vouch"] == "logged"} == {
        "received", "decided", "owed", "delivered", "acknowledged", "digested",
    }  # fmt: skip
    files = sorted(Path("proofs").iterdir())
    assert len(files) == len(found["proven"]) == len(set(found["proven"]))
    for file in files:
        assert yizhan("ledger", "verify-proof", str(file)).code == 0
    told = yizhan("audit", "explain", fires[0]).out
    for words in ("联管", "复算相同", "李四（654321）", "列入季度通报", "位置都已按检查点证明"):
        assert words in told
    english = yizhan("--lang", "en", "audit", "explain", fires[0]).out
    assert "Acknowledged" in english


def test_a_refused_events_life_ends_with_the_reason(station: Station, yizhan: Run) -> None:
    """The refusal is found in the log by the hash of the record."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    with read_outbox(station.app, SHOUNING) as outbox:
        assert outbox is not None
        own = outbox.event(fire)
    assert own is not None
    station.take(QINGYUAN, own.envelope)
    station.log()
    steps = json.loads(yizhan("audit", "explain", fire, "--json").out)["life"]["steps"]
    assert (steps[-1]["what"], steps[-1]["said"]["reason"]) == ("refused", "wrong_topic")
    assert "发到了别县的主题" in yizhan("audit", "explain", fire).out


def test_every_stage_that_a_receipt_reports_is_a_step_of_a_life() -> None:
    """Also that attached files came, or did not: each has a name."""
    for stage in get_args(ReceiptRef.model_fields["stage"].annotation):
        assert step_name(HistoryStepKind(stage)) != stage


def test_an_event_that_nobody_knows_is_told(fires: list[str], yizhan: Run) -> None:
    """An unknown id is an error; nothing is invented."""
    ran = yizhan("audit", "explain", "350924-nobook1-1")
    assert ran.code == 1
    assert "350924-nobook1-1" in ran.err


def say(station: Station, step: str, opened: datetime, due: datetime, at: datetime, **said: object) -> None:
    """Let the station say a step of an obligation that 庆元 owes 寿宁."""
    values = {
        "step": step, "owes": [QINGYUAN], "owed": [SHOUNING], "opened": written(opened), "due": written(due),
        "at": written(at), "charter": station.app.charter.name, **said,
    }  # fmt: skip
    station.says(Followup.model_validate(values).signed(station.key))


def test_what_a_postmark_opens_is_explained_by_rule_and_clause(fires: list[str], yizhan: Run) -> None:
    """Each obligation of a fire: who owes whom until when, by which rule of which charter, proven by the postmark."""
    explained = json.loads(yizhan("audit", "explain", fires[1], "--json").out)["life"]["steps"]
    steps = {each["said"]["rule"]: each for each in explained if each["what"] == "owed"}
    stamped = next(each["place"] for each in explained if each["what"] == "received")
    assert {rule: (each["county"], each["place"], each["vouch"]) for rule, each in steps.items()} == {
        "acknowledge": (QINGYUAN, stamped, "logged"),
        "follow-up": (SHOUNING, stamped, "logged"),
    }
    assert steps["acknowledge"]["said"]["because"]["zh"].startswith("联管")
    assert not [each for each in found(yizhan) if each["kind"] in {"decision_differs", "contradiction"}]


def test_what_the_station_said_was_owed_is_found_and_explained(
    station: Station, fires: list[str], yizhan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the event that opened it, by the one that ended it, and by its own name: rule, step, times, clause."""
    station.log()
    now = datetime.now(UTC)
    soon = now + timedelta(minutes=5)
    (answer,) = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-8"})
    opened = station.steps()[f"acknowledge/{fires[1]}/{QINGYUAN}", "opened"]
    month = f"monthly-contact/2026-11/{QINGYUAN}-{SHOUNING}/{QINGYUAN}"
    met, by = opened.obligation, {"id": answer, "hash": "1" * 64}
    began, due = instant(opened.opened), instant(opened.due)
    about = {"obligation": met, "rule": "acknowledge", "about": opened.about, "thread": opened.thread}
    say(station, "overdue", began, due, due, **about)
    say(station, "discharged", began, due, due + timedelta(minutes=3), by=by, **about)
    say(station, "opened", now, soon, now, obligation=month, rule="monthly-contact", period="2026-11")
    station.carry(SHOUNING)
    station.log(minutes_later=30)
    about_these = (each for each in found(yizhan) if each["what"] is not None and each["id"] in {fires[1], None})
    owed = sorted(about_these, key=lambda each: str(each["rule"]))
    assert [(each["kind"], each["rule"], each["id"], each["took"], each["limit"]) for each in owed] == [
        ("overdue", "acknowledge", fires[1], 480.0, 300.0),
        ("overdue", "monthly-contact", None, pytest.approx(1800, abs=60), 300.0),
    ]
    assert not [each for each in found(yizhan) if each["kind"] == "unacknowledged" and each["id"] == fires[1]]
    for asked, steps in ((fires[1], 3), (answer, 3), (met, 3), (month, 1)):
        life = json.loads(yizhan("audit", "explain", asked, "--json").out)["life"]["steps"]
        told = [each["said"] for each in life if each["what"] == "owed"]
        told = [each for each in told if each["obligation"] in {met, month}]
        assert [each["step"] for each in told] == ["opened", "overdue", "discharged"][:steps]
        assert all(each["because"]["zh"].startswith("联管") for each in told)
    monkeypatch.setenv("COLUMNS", "500")
    assert f"规则 monthly-contact：{told[0]['because']['zh']}" in yizhan("audit", "explain", month).out
    shown = yizhan("--lang", "en", "audit", "explain", met, "--proofs", "proofs").out
    assert "acknowledge the alarm: discharged" in shown.lower()
    assert len(list(Path("proofs").iterdir())) == 3
    assert "本月联系" in yizhan("audit", "find").out
