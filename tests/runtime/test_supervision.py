"""What a process tells systemd."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.world.notified import ALIVE, Notifications
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.runtime import supervision
from yizhan.runtime.heartbeat import Heartbeat, silence_seconds
from yizhan.runtime.outage_log import GRACE_SECONDS, OutageLog
from yizhan.runtime.watchdog import Watchdog


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notifications:
    """Be systemd."""
    found = Notifications(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return found


def test_a_work_that_hangs_is_not_called_alive(heard: Notifications, tmp_path: Path) -> None:
    """The watchdog's own thread runs, and says nothing without a new beat: neither to systemd nor to ``status``."""
    with heard:
        stalled = threading.Event()
        dog = Watchdog(4.0, stalled.set, heart=Heartbeat(tmp_path / "lock")).start()
        assert heard.wait_for(ALIVE)[0] == "WATCHDOG_USEC=34000000"
        until(lambda: silence_seconds(tmp_path / "lock") is not None)
        dog.beat()
        heard.wait_for(ALIVE)
        assert stalled.wait(LIMIT_SECONDS)
        assert heard.hear() == []


def test_who_waits_for_kafka_is_ready_and_says_for_what(heard: Notifications) -> None:
    """A process that only lacks Kafka is not started again and again; what it waits for is its status."""
    with heard:
        now = [0.0]
        outages = OutageLog("350924", "127.0.0.1:9092", lambda: now[0])
        outages.observe(answers=False)
        assert heard.hear() == []
        now[0] = GRACE_SECONDS
        outages.observe(answers=False)
        assert heard.hear() == ["READY=1", "STATUS=连不上 Kafka，接通后自动继续；已收下的不会丢"]
        for _ in range(2):
            outages.observe(answers=True)
        assert heard.hear() == ["READY=1", "STATUS=已接通 Kafka，在工作"]


@pytest.mark.parametrize("where", ["", "vsock:2:1234", "/nowhere/notify", "@nobody-listens"])
def test_without_systemd_nothing_is_said_and_nothing_fails(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, one of another kind, or one that nobody holds: the process goes on."""
    monkeypatch.setenv("NOTIFY_SOCKET", where)
    supervision.tell_connected()
    monkeypatch.delenv("NOTIFY_SOCKET")
    supervision.tell_stopping()
