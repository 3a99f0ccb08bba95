"""Inbox, outbox and desk say to systemd how they stand, and to ``yizhan status`` that they advance."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.world.notified import Supervised
from tests.world.processes import YIZHAN
from tests.world.simulator import QINGYUAN
from yizhan.services.home import Home
from yizhan.services.processes import home_processes

KINDS = ("inbox", "outbox", "desk")
NO_BROKER = {"YIZHAN_BOOTSTRAP_SERVERS": "127.0.0.1:1", "YIZHAN_KAFKA_SECURITY": "plaintext"}


@pytest.mark.exhaustive
def test_processes_of_a_county_say_how_they_stand(home: Path, tmp_path: Path) -> None:
    """Ready without Kafka too, alive while they work, silent when they are stopped, and stopping at the end."""
    (home / "counties" / QINGYUAN / "desk.sqlite3").touch(0o600)
    locks = {each.name: each.lock for each in home_processes(Home(home))}
    words = {"desk": ("--port", "0")}
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                Supervised(
                    [*YIZHAN, "--home", str(home), kind, "run", "--county", QINGYUAN, *words.get(kind, ())],
                    tmp_path,
                    locks[f"{kind}-{QINGYUAN}"],
                    NO_BROKER,
                )
            )
            for kind in KINDS
        ]
        said = {kind: each.gets_ready() for kind, each in zip(KINDS, running, strict=True)}
        assert "WATCHDOG_USEC=90000000" in said["inbox"]
        assert any("连不上 Kafka" in each for each in said["outbox"])
        assert any("值班台已开" in each for each in said["desk"])
        for step in (Supervised.stop_working, Supervised.must_be_silent, Supervised.goes_on, Supervised.ends_in_order):
            for each in running:
                step(each)
