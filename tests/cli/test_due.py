"""What a county owes and is owed, at its desk."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from tests.schemas.payloads.examples import PLAN
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import Station, publish
from yizhan.cli.main import main
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.arrivals import Arrived
from yizhan.consumers.followups import Obligation
from yizhan.schemas.followups import KAFKA_HEADER, Followup
from yizhan.schemas.obligation_rules import ObligationRule as Rule
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sample import sample_policy
from yizhan.schemas.timestamps import written
from yizhan.services.actor import Actor
from yizhan.services.commands import command_of
from yizhan.services.home import Home
from yizhan.services.obligation_text import rule_discharge_text, time_left
from yizhan.services.obligations import MOST_ANSWERED, find_obligations, officers_answers, rule_action
from yizhan.services.own_obligations import own_obligations
from yizhan.services.quarters import read_quarter
from yizhan.services.status import home_status
from yizhan.services.stores import open_inbox, read_inbox

FIRE = f"{SHOUNING}-20261123test-1"
RULES = tuple(map(Rule.model_validate, sample_policy()["obligations"]))
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def tell(home: Path, county: str, step: str, due: datetime, **said: object) -> None:
    """Let the station say a step about the acknowledgement that 庆元 owes 寿宁."""
    station = Station(home)
    values = {
        "obligation": f"acknowledge/{FIRE}/{QINGYUAN}", "rule": "acknowledge", "step": step,
        "owes": [QINGYUAN], "owed": [SHOUNING], "about": {"id": FIRE, "hash": "0" * 64},
        "opened": written(due - timedelta(minutes=5)), "due": written(due), "at": written(datetime.now(UTC)),
        "charter": station.app.charter.name, **said,
    }  # fmt: skip
    value = Followup.model_validate(values).signed(station.key)
    with open_inbox(station.app, county, TerminalPassphrase()) as inbox:
        assert inbox.receive(Arrived("alert", 0, 0, 0, value, ((KAFKA_HEADER, b"1"),))).became == "followup"


def test_what_is_owed_is_listed_with_the_command_that_discharges_it(yizhan: Run, home: Path) -> None:
    """Mine with its deadline in local time and its command; for the other side the same row is owed to it."""
    due = datetime.now(UTC) + timedelta(hours=3, minutes=30, seconds=30)
    for county in (QINGYUAN, SHOUNING):
        tell(home, county, "opened", due)
    ran = yizhan("due", QINGYUAN)
    assert ran.code == 0
    for said in ("签收报警", "还剩 3 小时 30 分", f"yizhan inbox ack {FIRE} --county {QINGYUAN}", "本县"):
        assert said in ran.out
    (mine,) = json.loads(yizhan("due", QINGYUAN, "--json").out)["obligations"]
    assert (mine["mine"], mine["overdue"], mine["due"], mine["about"]) == (True, False, written(due), FIRE)
    (theirs,) = json.loads(yizhan("due", SHOUNING, "--json").out)["obligations"]
    assert (theirs["mine"], theirs["command"]) == (False, None)


def test_in_a_quarter_that_goes_on_what_is_not_due_yet_is_not_overdue(home: Path) -> None:
    """Without a manifest the bulletin's figures are those of now: as ``yizhan due`` says."""
    now = datetime.now(UTC)
    tell(home, QINGYUAN, "opened", now + timedelta(minutes=1), opened=written(now))
    app = Home(home)
    label = str(Quarter.containing(now, app.charter.time_zone))
    with read_inbox(app, QINGYUAN) as inbox:
        found = read_quarter(inbox, None, label, (QINGYUAN, SHOUNING), app.charter.time_zone)
    assert [each.state for each in found.obligations] == ["due"]


def test_an_answer_that_another_county_owes_is_refused_by_name(yizhan: Run, home: Path) -> None:
    """Countersigning one's own plan; answering a request that went to somebody else. Nothing is sent."""
    words = {name: value for name, value in PLAN.items() if name != "external_ref"}
    plan = {"type": "yizhan.patrol.plan.v1", "to": [QINGYUAN], "payload": words}
    (own,) = publish(yizhan, SHOUNING, plan)
    tell(home, SHOUNING, "opened", datetime.now(UTC))
    elsewhere = {"id": f"{QINGYUAN}-2026elsewhere-1", "hash": "0" * 64}
    answers = [plan | {"reply_to": {"id": own}}, plan | {"reply_to": elsewhere}]
    for answer, said in zip(answers, ("“会签联合巡查方案”该由收件的 331126 办", "没有发给本县"), strict=True):
        ran = yizhan("publish", "-", "--county", SHOUNING, given=json.dumps(answer).encode())
        assert (ran.code, said in ran.err) == (1, True), ran.err
    assert len(json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"]) == 1


def test_an_alarm_that_nobody_acknowledges_makes_its_sender_telephone(yizhan: Run, home: Path) -> None:
    """At the last step of the ladder the sender reads whom to call; without a telephone in the charter, that."""
    due = datetime.now(UTC) - timedelta(minutes=10, seconds=30)
    tell(home, SHOUNING, "leader", due, to_whom="leader")
    ran = yizhan("due", SHOUNING)
    assert "逾期 10 分" in ran.out
    assert "请电话联系" in ran.err
    assert "庆元县" in ran.err


def test_what_ended_is_listed_only_when_asked_for(yizhan: Run, home: Path) -> None:
    """A discharged obligation goes from the list and is there with ``--all``, named as discharged."""
    due = datetime.now(UTC) + timedelta(minutes=5)
    tell(home, QINGYUAN, "discharged", due, by={"id": f"{QINGYUAN}-20261123test-1", "hash": "1" * 64})
    assert yizhan("due", QINGYUAN).out.strip() == "没有待办"
    assert "已履行" in yizhan("due", QINGYUAN, "--all").out


def test_a_home_of_several_counties_asks_which(yizhan: Run, home: Path) -> None:
    """Without a county's name the one of this home is meant, if it is the only one."""
    assert yizhan("due").code == 2
    tell(home, QINGYUAN, "opened", datetime.now(UTC) + timedelta(minutes=5))
    assert "签收报警" in yizhan("due").out


@pytest.mark.parametrize("rule", [each for each in RULES if not each.audit], ids=lambda rule: rule.id)
def test_every_rule_says_how_it_is_discharged_by_a_command_that_there_is(rule: Rule, tmp_path: Path) -> None:
    """A row of the sample policy needs no line elsewhere: its command is known to the program, word for word."""
    (tmp_path / "FILE").write_text("{}")
    about, period = (None, "2026Q4") if rule.opens.each else (FIRE, None)
    owed = Obligation("x", rule.id, (QINGYUAN,), (SHOUNING,), about, period, NOON, NOON, None, None, ())
    action = rule_action(rule, owed, QINGYUAN)
    assert action is not None
    program, *line = shlex.split(command_of(action))
    command: click.Command = main
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), line.pop(0))
        assert found is not None
        command = found
    with command.make_context(program, line, obj={}) as ctx:
        assert ctx.params["county"] == QINGYUAN
        assert about is None or rule.discharged.by == "period" or about in ctx.params.values()
    assert rule_discharge_text(rule)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(59, "还剩 0 分"), (3_660, "还剩 1 小时 1 分"), (90_000, "还剩 1 天 1 小时"), (-61, "逾期 1 分")],
)
def test_how_long_is_left_is_said_in_two_units(seconds: int, said: str) -> None:
    """Days with hours, hours with minutes, minutes alone; what is over says so."""
    assert time_left(NOON + timedelta(seconds=seconds), NOON) == said


def test_the_station_owes_a_manifest_of_every_quarter(yizhan: Run, home: Path) -> None:
    """From the quarter in which the charter began; five days after its end it is late; an empty one discharges it."""
    station = Station(home)
    quarter = Quarter.containing(station.app.charter.holds_from, "Asia/Shanghai")
    end = quarter.end("Asia/Shanghai")

    def owed(now: datetime) -> list[tuple[str | None, bool, str | None]]:
        with read_inbox(station.app, QINGYUAN) as inbox:
            found = own_obligations(station.app, QINGYUAN, inbox, None, now)
        return [(each.period, each.overdue(now), each.ended) for each in found]

    assert owed(end + timedelta(days=9)) == []
    tell(home, QINGYUAN, "opened", datetime.now(UTC))
    assert owed(end - timedelta(seconds=1)) == []
    assert owed(end) == [(str(quarter), False, None)]
    assert owed(end + timedelta(days=6)) == [(str(quarter), True, None)]
    station.close(QINGYUAN, str(quarter))
    assert owed(end + timedelta(days=6)) == [(str(quarter), False, "discharged")]


def test_the_station_that_is_late_is_named(yizhan: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of what others owe names the station, and what can be done."""
    station = Station(home)
    tell(home, QINGYUAN, "opened", datetime.now(UTC) + timedelta(days=300))
    later = Quarter.containing(station.app.charter.holds_from, "Asia/Shanghai").end("Asia/Shanghai") + timedelta(days=6)
    monkeypatch.setattr("yizhan.cli.commands.due.utc_now", lambda: later)
    ran = yizhan("due", QINGYUAN)
    assert "驿站" in ran.out
    assert "yizhan digest close" in ran.err


def test_answers_beyond_the_first_hundreds_are_counted(home: Path) -> None:
    """What was not looked up is told, not left out in silence."""
    ids = [f"{SHOUNING}-20261123test-{n}" for n in range(MOST_ANSWERED + 3)]
    found = officers_answers(Home(home), SHOUNING, ids, Actor("test (1000)", "due"))
    assert (found.by_event, found.not_looked_up) == ({}, 3)


def test_obligations_that_were_found_are_not_looked_for_again(home: Path) -> None:
    """``home_status`` counts those that its caller gives: whoever has them reads nothing twice."""
    due = datetime.now(UTC) + timedelta(hours=1)
    tell(home, QINGYUAN, "opened", due)
    app, now = Home(home), datetime.now(UTC)
    found, _minutes = find_obligations(app, QINGYUAN, now)
    for given, count in ((None, 1), (found, 1), ((), 0)):
        (county,) = home_status(app, QINGYUAN, now, given).counties
        assert county.due_soon == count
