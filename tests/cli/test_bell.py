"""``yizhan bell`` as a duty officer and a technician use it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.world.command import Run
from tests.world.phones import channels, phones, ring
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.bell_view import print_rings, ring_json, say_heard
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.bell.rings import Plan, Ring
from yizhan.services.bell import make_ringer, read_bell
from yizhan.services.stores import open_inbox

COUNTY = ("--county", QINGYUAN)


def bell_toml(home: Path, text: str) -> Path:
    """Write the county's settings of the bell."""
    path = home / "counties" / QINGYUAN / "bell.toml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_sample_can_be_used_and_is_never_overwritten(yizhan: Run, home: Path, language: str) -> None:
    """A sample for its owner alone, that loads in both languages; rungs without a channel are named."""
    made = yizhan("--lang", language, "bell", "init", *COUNTY)
    path = Path(made.out.strip())
    assert (path.stat().st_mode & 0o777, path.parent.name) == (0o600, QINGYUAN)
    again = yizhan("bell", "init", *COUNTY)
    assert (again.code, "没有改动" in again.err) == (1, True)
    told = json.loads(yizhan("bell", "status", *COUNTY, "--json").out)
    assert [(each["rung"], each["channels"]) for each in told["rungs"]][:2] == [("duty", ["journal"]), ("second", [])]
    assert told["rungs"][1]["officer"]["role"] == "第二电话"
    assert "第二电话、联络员、领导没有通道" in told["problems"][0]


def test_a_test_rings_every_channel_and_tells_of_dead_ones(yizhan: Run, home: Path) -> None:
    """One 【测试】 a channel; a dead one is named with its cause and by exit status 1, and so it stands afterwards."""
    with phones(2) as (works, dead):
        dead.status = 403
        bell_toml(home, channels(wecom=works.url, sms=dead.url) + '[rungs]\nduty = ["wecom", "sms"]\n')
        with open_inbox(Station(home).app, QINGYUAN, TerminalPassphrase()):
            pass
        ran = yizhan("bell", "test", *COUNTY)
        assert (ran.code, "对方没有收下" in ran.out) == (1, True)
        assert works.titles == ["【驿站】【测试】通道 wecom"]
        status = json.loads(yizhan("bell", "status", *COUNTY, "--json").out)
        assert [(each["name"], each["dead"], each["why"]) for each in status["channels"]] == [
            ("wecom", False, None), ("sms", True, "refused"),
        ]  # fmt: skip
        assert "通道 sms 不通" in status["problems"][1]
        assert yizhan("bell", "test", *COUNTY, "--channel", "wecom").code == 0
        assert yizhan("bell", "test", *COUNTY, "--rung", "second").code == 1
        dead.status = 200
        assert yizhan("bell", "test", *COUNTY, "--rung", "duty", "--json").code == 0
        assert len(dead.heard) == 1


def test_what_rang_is_told_on_the_screen_and_listed(
    yizhan: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fire goes past a dead channel: the screen tells both, the log has the tries, and what is still to come."""
    with phones(2) as (works, dead):
        dead.status = 403
        bell_toml(home, channels(wecom=works.url, sms=dead.url) + '[rungs]\nduty = ["sms", "wecom"]\n')
        station = Station(home)
        (event_id,) = publish(yizhan, SHOUNING, FIRE)
        station.carry(SHOUNING)
        bell = read_bell(station.app, QINGYUAN)
        assert bell is not None
        with open_inbox(station.app, QINGYUAN, TerminalPassphrase()) as inbox:
            ringer = make_ringer(station.app, inbox, bell, partial(say_heard, as_json=False))
            ring(ringer)
            station.deliver(QINGYUAN)
            ring(ringer)
            ringer.store.close()
    assert capsys.readouterr().err.splitlines() == [
        "铃：通道 sms 没有送出：对方没有收下；换下一个", "铃：已由通道 wecom 告知值班",
    ]  # fmt: skip
    told = yizhan("bell", "log", *COUNTY).out
    for said in (event_id, "报警", "已送到", "sms 对方没有收下", "报警 第二电话", "待响"):
        assert said in told
    first, *others = json.loads(yizhan("bell", "log", *COUNTY, "--json").out)["rings"]
    assert (first["state"], first["channel"], [each["tells"] for each in first["tries"]]) == (
        "delivered", "wecom", ["kind", "kind"],
    )  # fmt: skip
    assert [(each["rung"], each["state"]) for each in others] == [
        ("second", "due"), ("liaison", "due"), ("leader", "due"),
    ]  # fmt: skip
    yizhan("inbox", "ack", event_id, *COUNTY, "--name", "李四", "--badge", "654321")
    told = yizhan("bell", "log", *COUNTY).out
    assert ("待响" in told, told.count("不必再响；已有人签收")) == (False, 3)
    others = json.loads(yizhan("bell", "log", *COUNTY, "--json").out)["rings"][1:]
    assert {(each["state"], each["why"]) for each in others} == {("dropped", "acknowledged")}


def test_the_log_says_who_was_rung_instead_in_words(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A step whose rung has no channel names the rung that was rung; nothing says that nobody need ring."""
    at = datetime(2026, 7, 1, tzinfo=UTC)
    plan = Plan("331126-a-1", "liaison-officer", "liaison", "alarm", at, "331126-a-1", "acknowledge")
    dropped = Ring(1, plan, at, "dropped", at, None, 0, "no channel")
    rung = Ring(2, replace(plan, rung="duty"), at, "delivered", at, "sms", 0)
    letter = Ring(3, Plan("331126-a-2", "letter", "duty", "alarm", at), at, "dropped", at, None, 0, "old")
    print_rings(Station(home).app, [(dropped, ()), (rung, ()), (letter, ())])
    told = capsys.readouterr().out
    for said in ("这一级没有通道，改响值班", "没有响", "报警 来信"):
        assert said in told
    for kept in ("不必再响", "liaison-officer", "letter"):
        assert kept not in told
    assert ring_json(dropped, ())["why"] == "no channel"


@pytest.mark.parametrize(
    ("text", "line"), [(b"[channels.a]\ncommand =", 2), (b"a = 1\n\xff", 2), (b"a = 1\n\n= 2\n", 3)]
)
def test_a_bell_that_cannot_be_read_is_named_with_its_line(yizhan: Run, home: Path, text: bytes, line: int) -> None:
    """The error names the line, also where the TOML parser names none."""
    bell_toml(home, "").write_bytes(text)
    ran = yizhan("bell", "status", *COUNTY)
    assert (ran.code, f"bell.toml 第 {line} 行不是可读的 TOML" in ran.err) == (1, True), ran.err


@pytest.mark.parametrize(("tells", "noted"), [("grade", 0), ("summary", 1)])
def test_content_that_leaves_is_written_down_as_an_access(yizhan: Run, home: Path, tells: str, noted: int) -> None:
    """What a partner sealed leaves on a channel only after the county's journal names the event and the channel."""
    with phones(1) as (phone,):
        bell_toml(home, f'[channels.sms]\nurl = "{phone.url}"\ntells = "{tells}"\n[rungs]\nduty = ["sms"]\n')
        station = Station(home)
        (event_id,) = publish(yizhan, SHOUNING, FIRE)
        station.carry(SHOUNING)
        station.deliver(QINGYUAN)
        bell = read_bell(station.app, QINGYUAN)
        assert bell is not None
        with open_inbox(station.app, QINGYUAN, TerminalPassphrase()) as inbox:
            ringer = make_ringer(station.app, inbox, bell, lambda _heard: None)
            ring(ringer)
            ringer.store.close()
        assert len(phone.heard) == 1
    path = home / "counties" / QINGYUAN / "access.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    assert [json.loads(line)["what"] for line in lines if '"bell sms"' in line] == [[event_id]] * noted


def test_no_command_shows_an_address(yizhan: Run, home: Path) -> None:
    """Status, test and every error tell a channel's name and kind: the key in its address stands nowhere."""
    path = bell_toml(home, channels(mail="json://u:KEY-77@127.0.0.1:1/") + '[rungs]\nduty = ["mail"]\n')
    said = [yizhan("bell", word, *COUNTY, *more) for word in ("status", "test") for more in ((), ("--json",))]
    path.write_text('[channels.mail]\nurl = "nonsense://KEY-77"\n[rungs]\nduty = ["mail"]\n', encoding="utf-8")
    said.append(yizhan("bell", "status", *COUNTY))
    assert "通道 mail 的地址 Apprise 不认识" in said[-1].err
    path.write_text('[channels.mail]\nurl = "json://KEY-77\n', encoding="utf-8")
    said.append(yizhan("bell", "status", *COUNTY))
    assert "第 2 行" in said[-1].err
    path.write_text('[channels.mail]\nurl = ["json://KEY-77"]\n[rungs]\nduty = ["mail"]\n', encoding="utf-8")
    said.append(yizhan("bell", "status", *COUNTY))
    assert "channels.mail.url" in said[-1].err
    assert not [each for each in said if "KEY-77" in each.out + each.err]


def test_without_a_bell_it_is_said_how_to_make_one(yizhan: Run, home: Path) -> None:
    """`bell status` and `bell test` name the command that makes a bell; `bell log` is empty."""
    assert "yizhan bell init" in yizhan("bell", "status", *COUNTY).err
    assert yizhan("bell", "log", *COUNTY).out.strip() == "还没有响过"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[channels.a]\n[rungs]\nduty = ["a"]\n', "channels.a: url、command、console 应恰有一个"),
        ('[channels.a]\ncommand = ["x"]\n[rungs]\nduty = ["b"]\n', "rungs.duty 里没有通道 b"),
        ('[channels.a]\ncommand = ["x"]\n[rungs]\nchief = ["a"]\n', "rungs.chief"),
        ('[channels.a]\ncommand = ["x"]\ntells = "all"\n[rungs]\nduty = ["a"]\n', "channels.a.tells"),
        ('quiet_hours = "22-7"\n[channels.a]\ncommand = ["x"]\n[rungs]\nduty = ["a"]\n', "应为 22:00-07:00"),
        ('quiet = "x"\n[channels.a]\ncommand = ["x"]\n[rungs]\nduty = ["a"]\n', "里的 quiet"),
        ("", "里的 channels"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(yizhan: Run, home: Path, text: str, said: str) -> None:
    """A setting that cannot be used stops the program, by its place in the file."""
    bell_toml(home, text)
    ran = yizhan("bell", "status", *COUNTY)
    assert (ran.code, said in ran.err) == (1, True), ran.err


def test_a_file_that_others_may_read_is_not_used(yizhan: Run, home: Path) -> None:
    """A bell.toml that others can read is refused, as with keys; the sentence names chmod 600."""
    bell_toml(home, '[channels.a]\ncommand = ["x"]\n[rungs]\nduty = ["a"]\n').chmod(0o640)
    assert "chmod 600" in yizhan("bell", "status", *COUNTY).err
