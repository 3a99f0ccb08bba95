"""Channels: real servers and commands, and what becomes of those that do not answer."""

from __future__ import annotations

import email.message
import importlib
import json
import logging
import socket
import socketserver
import threading
from datetime import datetime
from email.header import decode_header, make_header
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests.world.phones import phones, settings_of
from yizhan.consumers.bell.channels import DELIVERED, MOST_HANGING, ReadyChannel, attempt
from yizhan.consumers.bell.message import Message as Words
from yizhan.consumers.bell.settings import Channel, quiet_until
from yizhan.runtime.errors import SettingError

MESSAGE = Words("【驿站】报警：森林火灾", "来自 寿宁县\n请打开收件箱", {"county": "331126", "tells": "kind"})


def by_url(url: str, timeout_seconds: float = 5) -> ReadyChannel:
    """Make a channel of Apprise's."""
    return ReadyChannel("there", Channel.model_validate({"url": url, "timeout_seconds": timeout_seconds}))


def by_command(*command: str, timeout_seconds: float = 5) -> ReadyChannel:
    """Make a channel that runs a command."""
    return ReadyChannel("here", Channel.model_validate({"command": command, "timeout_seconds": timeout_seconds}))


class Mailbox(Message):
    """Takes what a mail server was given."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, str, str]] = []

    def handle_message(self, message: email.message.Message) -> None:
        """Write a mail down: to whom, about what, what it says."""
        subject = str(make_header(decode_header(message["Subject"])))
        texts = [part.get_payload(decode=True) for part in message.walk() if part.get_content_maintype() == "text"]
        body = b"\n".join(text for text in texts if isinstance(text, bytes))
        self.got.append((str(message["X-RcptTo"]), subject, body.decode()))


def test_mail_arrives_as_mail() -> None:
    """A real SMTP server gets title and body, to whom the address says; what a partner wrote is text in it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        url = f"mailto://127.0.0.1:{port}/?from=yizhan@example.org&to=duty@example.org&mode=insecure"
        assert attempt(by_url(url), MESSAGE) == DELIVERED
        assert (
            attempt(by_url(f"{url}&format=html"), Words("【驿站】", '<img src="https://example.org/seen">起火', {}))
            == DELIVERED
        )
    finally:
        controller.stop()
    (to, subject, body), (_to, _subject, strange) = mailbox.got
    assert (to, subject) == ("duty@example.org", MESSAGE.title)
    assert "请打开收件箱" in body
    assert "&lt;img" in strange
    assert strange.count("<img") == 1


def test_a_command_gets_the_message_and_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON on standard input; no shell reads its words, and our variables stay ours."""
    monkeypatch.setenv("YIZHAN_HOME", "/secret")
    out = tmp_path / "got"
    script = tmp_path / "take"
    script.write_text('#!/bin/sh\ncat > "$1"\nenv > "$1.env"\n', encoding="utf-8")
    script.chmod(0o700)
    assert attempt(by_command(str(script), str(out)), MESSAGE) == DELIVERED
    assert json.loads(out.read_text(encoding="utf-8")) == {
        "title": MESSAGE.title,
        "body": MESSAGE.body,
        **MESSAGE.event,
    }
    assert "YIZHAN" not in Path(f"{out}.env").read_text(encoding="utf-8")
    assert attempt(by_command("true", "; touch", str(tmp_path / "shell")), MESSAGE) == DELIVERED
    assert not (tmp_path / "shell").exists()


@pytest.mark.parametrize(
    ("command", "seconds", "outcome"),
    [(("false",), 60.0, "exit 1"), (("/no/such/program",), 60.0, "No such file or directory"),
     (("sleep", "60"), 0.3, "timeout")],
)  # fmt: skip
def test_a_command_that_does_not_work_is_seen(command: tuple[str, ...], seconds: float, outcome: str) -> None:
    """Its exit status, the system's word, or that it did not end in its time, whatever it started with it."""
    assert attempt(by_command(*command, timeout_seconds=seconds), MESSAGE) == outcome


@pytest.mark.parametrize("answer", [b'{"errcode":93000,"errmsg":"invalid webhook url"}', b'{"errcode":0}', b"ok"])
@pytest.mark.parametrize(
    ("kind", "url", "query"),
    [
        ("wecombot.NotifyWeComBot", "wecombot://AKEY", ""),
        ("dingtalk.NotifyDingTalk", "dingtalk://ATOKEN", "?t={token}"),
    ],
)
def test_a_refusal_in_an_answer_that_says_200_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, kind: str, url: str, query: str, answer: bytes
) -> None:
    """A robot whose key was taken away answers 200 with an ``errcode``: not delivered."""
    with phones(1) as (robot,):
        robot.answer = answer
        line = by_url(url)
        module, name = kind.split(".")
        plugin = getattr(importlib.import_module(f"apprise.plugins.{module}"), name)
        monkeypatch.setattr(plugin, "notify_url", f"http://127.0.0.1:{robot.port}/{query}")
        assert attempt(line, MESSAGE) == ("refused" if b"93000" in answer else DELIVERED)
        assert MESSAGE.title in json.dumps(robot.heard, ensure_ascii=False)


class Dripping(socketserver.StreamRequestHandler):
    """Answers a byte at a time, so that no timeout between two bytes ever ends it, until ``go``."""

    go = threading.Event()

    def handle(self) -> None:
        """Drip."""
        try:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Drip: ")
            while not self.go.wait(0.02):
                self.wfile.write(b".")
            self.wfile.write(b"\r\n\r\n")
        except OSError:
            return


def test_a_server_that_never_ends_its_answer_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """Each send ends in its time; while several hang no more are tried; afterwards the channel works again."""
    caplog.set_level(logging.DEBUG)
    Dripping.go.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        line = by_url(f"json://user:KEY-77@127.0.0.1:{server.server_address[1]}/", timeout_seconds=0.1)
        assert [attempt(line, MESSAGE) for _ in range(MOST_HANGING + 1)] == ["timeout"] * MOST_HANGING + ["hanging"]
        Dripping.go.set()
        while attempt(line, MESSAGE) != DELIVERED:
            Dripping.go.wait(0.01)
        server.shutdown()
    assert "KEY-77" not in caplog.text


def test_a_refusal_by_status_is_a_refusal() -> None:
    """A response other than 2xx counts as refused."""
    with phones(1) as (phone,):
        phone.status = 404
        assert attempt(by_url(phone.url), MESSAGE) == "refused"


BEIJING = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        ("22:00-07:00", "2026-11-23 21:59", "2026-11-23 21:59"),
        ("22:00-07:00", "2026-11-23 22:00", "2026-11-24 07:00"),
        ("22:00-07:00", "2026-12-31 23:59", "2027-01-01 07:00"),
        ("22:00-07:00", "2026-11-24 06:59", "2026-11-24 07:00"),
        ("22:00-07:00", "2026-11-24 07:00", "2026-11-24 07:00"),
        ("12:00-14:00", "2026-11-24 13:00", "2026-11-24 14:00"),
        ("12:00-14:00", "2026-11-24 23:00", "2026-11-24 23:00"),
        ("00:00-00:00", "2026-11-24 23:00", "2026-11-24 23:00"),
        ("", "2026-11-24 23:00", "2026-11-24 23:00"),
    ],
)
def test_quiet_hours_end_on_the_right_day(hours: str, at: str, until: str) -> None:
    """Across midnight and the year's end, at both of their edges, and where there are none."""
    local = datetime.fromisoformat(at).replace(tzinfo=BEIJING)
    assert quiet_until(hours, BEIJING, local) == datetime.fromisoformat(until).replace(tzinfo=BEIJING)


@pytest.mark.parametrize("hours", ["22:00Z-07:00Z", "22:00+08:00", "22:00", "25:00-07:00", "at night"])
def test_quiet_hours_that_are_none_are_refused(tmp_path: Path, hours: str) -> None:
    """By name, when they are read: a zone of their own would stop the bell at its first look."""
    with pytest.raises(SettingError, match="quiet_hours"):
        settings_of(tmp_path, f'quiet_hours = "{hours}"\n[channels.a]\ncommand = ["true"]\n[rungs]\nduty = ["a"]\n')
