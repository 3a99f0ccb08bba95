"""One screen says whether all is well, whatever is down or damaged, and shows nothing that a partner sealed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.world.command import run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.stand_ins import NAMES, broker_elsewhere, stand_in
from tests.world.station import FIRE, with_a_fire
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.deploy.certificates import ensure_certificates
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.heartbeat import Heartbeat, beat_path
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.services.bell import write_sample
from yizhan.services.home import Home
from yizhan.services.process_control import start_processes
from yizhan.services.processes import home_processes
from yizhan.services.sample import make_sample
from yizhan.services.status import home_status
from yizhan.services.status_found import STUCK_SECONDS, HomeStatus, Problem
from yizhan.services.stores import inbox_path, open_outbox, outbox_path

BELL = '[channels.siren]\ncommand = ["true"]\n[rungs]\n' + "".join(
    f'{rung} = ["siren"]\n' for rung in ("duty", "second", "liaison", "leader")
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home where 寿宁 sent a fire that 庆元 received and nobody acknowledged; each has a bell."""
    folder = tmp_path_factory.mktemp("status") / "home"
    station = with_a_fire(folder)
    station.answer(SHOUNING)
    for county in (SHOUNING, QINGYUAN):
        bell = station.app.county_folder(county) / "bell.toml"
        bell.touch(mode=0o600)
        bell.write_text(BELL, encoding="utf-8")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Iterator[Home]:
    """Return a copy of that home, whose broker is elsewhere and answers."""
    with broker_elsewhere(shutil.copytree(made, tmp_path / "home")) as home:
        yield home


def codes(found: HomeStatus, county: str | None = None) -> set[str]:
    """Return the codes of the problems of one county, or of those that are no county's."""
    return {each.code for each in found.problems if each.county == county}


def change(path: Path, statement: str) -> None:
    """Change a store behind the program's back."""
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute(statement)


def test_all_is_well_only_when_all_is(home: Home) -> None:
    """With every process up, the broker answering and the alarm acknowledged there is no problem, and exit is 0."""
    change(inbox_path(home, QINGYUAN), "UPDATE items SET state = 'acknowledged'")
    change(inbox_path(home, QINGYUAN), "UPDATE obligations SET ended = 'discharged'")
    start_processes(home, stand_in(home), lambda _state: None)
    ran = run("--home", str(home.path), "status", "--json")
    shown = json.loads(ran.out)
    assert shown["problems"] == []
    assert (ran.code, shown["well"], shown["broker_answers"]) == (0, True, True)
    assert [each["name"] for each in shown["processes"]] == NAMES
    assert all(each["running"] for each in shown["processes"])
    assert run("--home", str(home.path), "status").out.endswith("一切正常\n")


def test_an_alarm_that_nobody_acknowledged_is_a_problem_without_its_content(home: Home) -> None:
    """It is counted, its command is shown, no word of it is; nobody is in the access log for it."""
    log = home.county_folder(QINGYUAN) / access_log.FILE
    before = log.read_bytes() if log.exists() else b""
    ran = run("--home", str(home.path), "status", "--county", QINGYUAN)
    assert ran.code == 1
    assert "有 1 件报警无人签收" in ran.out
    assert f"yizhan inbox list --county {QINGYUAN} --state ringing" in ran.out
    assert "起火" not in ran.out
    assert SHOUNING not in ran.out
    assert (log.read_bytes() if log.exists() else b"") == before


def test_a_bell_that_only_writes_to_the_systems_log_is_a_problem(home: Home) -> None:
    """The sample that nobody edited reaches nobody; a channel beside it is enough."""
    path = home.county_folder(SHOUNING) / "bell.toml"
    path.unlink()
    write_sample(home, SHOUNING)
    (only,) = [each for each in home_status(home, SHOUNING).problems if each.code == "rings_nobody"]
    assert "铃只写系统日志" in str(only.sentence)
    path.write_text(BELL.replace("[rungs]", '[channels.log]\ncommand = ["/usr/bin/logger"]\n[rungs]'), "utf-8")
    assert "rings_nobody" not in codes(home_status(home, SHOUNING), SHOUNING)


def test_with_everything_down_it_says_so(home: Home) -> None:
    """No process and no broker are two problems with what helps; the boxes are looked at all the same."""
    toml = 'bootstrap_servers = "127.0.0.1:9"\nkafka_security = "plaintext"\n'
    (home.path / "yizhan.toml").write_text(toml, encoding="utf-8")
    found = home_status(Home(home.path))
    down = {each.code: each for each in found.problems if each.county is None}
    assert set(down) == {"process_down", "broker_down"}
    assert down["process_down"].action == Action.to("home.start")
    assert all(name in str(down["process_down"].sentence) for name in NAMES)
    assert codes(found, QINGYUAN) == {"ringing", "due_soon"}


def test_a_certificate_that_expires_is_a_problem_three_weeks_before(home: Home) -> None:
    """Whose it is, and when it ends; before that, and without certificates, nothing is said."""
    now = datetime.now(UTC)
    toml = (home.path / "yizhan.toml").read_text(encoding="utf-8")
    (home.path / "yizhan.toml").write_text(toml.replace("plaintext", "mtls"), encoding="utf-8")
    ensure_certificates(home.path / "tls", topics.principals([SHOUNING, QINGYUAN]), now=now, valid_days=60)
    assert "certificate_expires" not in codes(home_status(Home(home.path), now=now + timedelta(days=38)))
    found = home_status(Home(home.path), SHOUNING, now=now + timedelta(days=40))
    (only,) = [each for each in found.problems if each.code == "certificate_expires"]
    assert f"{topics.county(SHOUNING)} 的证书" in str(only.sentence)
    assert only.action == Action.to("broker.renew")


def test_the_brokers_certificate_is_looked_at_where_the_broker_is(home: Home) -> None:
    """Where Kafka is this home's own, its certificate ends like the others, and without it nobody connects."""
    now = datetime.now(UTC)
    (home.path / "yizhan.toml").unlink()
    ensure_certificates(home.path / "tls", ("broker", topics.STATION), now=now, valid_days=10)
    said = {str(each.sentence) for each in home_status(Home(home.path)).problems if each.code == "certificate_expires"}
    assert any("broker 的证书" in each for each in said)


def test_what_waits_in_an_outbox_is_a_problem_after_a_minute(home: Home) -> None:
    """An event that was never sent, one that was refused, a clock that the station doubts."""
    with open_outbox(home, SHOUNING, TerminalPassphrase()) as outbox:
        outbox.publish(parse_draft({**FIRE, "external_ref": "接-2"}))
    now = datetime.now(UTC)
    assert codes(home_status(home, SHOUNING, now), SHOUNING) == set()
    change(outbox_path(home, SHOUNING), "UPDATE events SET accepted = '2026-01-01T00:00:00.000Z' WHERE queued = 1")
    assert codes(home_status(home, SHOUNING, now), SHOUNING) == {"unsent"}
    change(outbox_path(home, SHOUNING), "UPDATE events SET accepted = strftime('%Y-%m-%dT%H:%M:%fZ')")
    change(outbox_path(home, SHOUNING), "UPDATE events SET refused = 'malformed', clock_suspect = 1, queued = 0")
    assert codes(home_status(home, SHOUNING, now), SHOUNING) == {"refused", "clock"}
    assert codes(home_status(home, SHOUNING, now + timedelta(days=8)), SHOUNING) == {"clock", "charter_stale"}


@pytest.mark.parametrize(
    ("path", "county"),
    [
        ("yizhan.toml", None),
        (f"counties/{QINGYUAN}/inbox.sqlite3", QINGYUAN),
        (f"counties/{QINGYUAN}/bell.toml", QINGYUAN),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_the_rest_is_shown(home: Home, path: str, county: str | None) -> None:
    """A damaged file is named as a problem, and the other county is looked at all the same."""
    damaged = home.path / path
    for each in damaged.parent.glob(f"{damaged.name}-*"):
        each.unlink()
    damaged.write_bytes(b"\x00 not this")
    found = home_status(Home(home.path))
    assert "unreadable" in codes(found, county)
    assert codes(found, SHOUNING) == set() or county is None
    assert {each.county for each in found.counties} == {SHOUNING, QINGYUAN}


def test_without_a_bell_and_without_a_channel(home: Home) -> None:
    """A county that receives and has no bell, or a rung without a channel, is told."""
    bell = home.county_folder(SHOUNING) / "bell.toml"
    bell.write_text(BELL.replace('leader = ["siren"]\n', ""), encoding="utf-8")
    assert codes(home_status(home, SHOUNING), SHOUNING) == {"rung_silent"}
    bell.unlink()
    assert codes(home_status(home, SHOUNING), SHOUNING) == {"no_bell"}


def test_where_a_supervisor_starts_them_up_is_not_offered(home: Home) -> None:
    """Where they ran and `up` never did, what is down is named without a command; after `up`, or at first, with it."""

    def down() -> Problem:
        (only,) = [each for each in home_status(home).problems if each.code == "process_down"]
        return only

    assert down().action == Action.to("home.start")
    home_processes(home)[0].lock.touch()
    assert down().action is None
    assert "deploy/systemd" in str(down().sentence)
    assert "station" in str(down().sentence)
    (home.path / "run").mkdir()
    assert down().action == Action.to("home.start")


def test_what_holds_its_lock_and_does_not_advance_is_a_problem(home: Home) -> None:
    """A process that was suspended, or hangs, runs as far as the kernel knows; its silence says more."""
    inbox = next(each for each in home_processes(home) if each.name == f"inbox-{QINGYUAN}")

    def stuck() -> list[str]:
        return [str(each.sentence) for each in home_status(home, QINGYUAN).problems if each.code == "stuck"]

    Heartbeat(inbox.lock).beat()
    with exclusive(inbox.lock, "receiving"):
        assert stuck() == []
        long_ago = time.time() - 2 * STUCK_SECONDS
        os.utime(beat_path(inbox.lock), (long_ago, long_ago))
        (sentence,) = stuck()
        assert f"{inbox.name} 在运行，但" in sentence
    assert stuck() == []  # it is down, which is said in its place


def test_an_address_that_cannot_be_one_does_not_answer(home: Home) -> None:
    """A host name that no resolver takes, and a port that is too high: Kafka cannot be reached, all else is shown."""
    for address in ("a..b:9092", "127.0.0.1:70000"):
        toml = f'bootstrap_servers = "{address}"\nkafka_security = "plaintext"\n'
        (home.path / "yizhan.toml").write_text(toml, encoding="utf-8")
        assert codes(home_status(Home(home.path))) == {"process_down", "broker_down"}


def test_what_nobody_expected_is_a_problem_too(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of any kind in one part is a problem, its traceback is logged, and the rest is looked at."""
    found = HomeStatus(datetime.now(UTC))
    with found.part("铃", SHOUNING):
        int("bug")
    (only,) = found.problems
    assert (only.code, only.county) == ("unreadable", SHOUNING)
    assert "ValueError" in str(only.sentence)
    assert "Traceback" in caplog.text


def test_an_old_charter_is_a_problem(home: Home) -> None:
    """In a year its roles expire and the station's timestamp has: each county is told, and who renews."""
    found = home_status(home, now=datetime.now(UTC) + timedelta(days=400))
    assert "charter_stale" in codes(found, SHOUNING)


def test_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    """An empty home has one problem, with what to do."""
    (only,) = home_status(Home(tmp_path / "none")).problems
    assert (only.code, only.action) == ("empty", Action.to("sample.init"))


def test_a_home_that_never_ran_says_so_in_a_line(tmp_path: Path) -> None:
    """One line and the command that starts it; what counties share is one line; no table of nothing."""
    make_sample(tmp_path / "home", (SHOUNING, QINGYUAN), datetime.now(UTC))
    ran = run("--home", str(tmp_path / "home"), "status")
    said = ran.out.splitlines()
    assert said[0].startswith("✗ 这里的进程还没有启动过")
    assert said[1] == "    → yizhan up"
    assert (ran.out.count("没有设铃"), "寿宁县" in said[2], "庆元县" in said[2]) == (1, True, True)
    assert (ran.code, "最近来件" in ran.out) == (1, False)
