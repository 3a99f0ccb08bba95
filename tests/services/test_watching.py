"""A county's process that does not work is told to people by the other one: once, and again after it has recovered."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.world.phones import Phone, channels, phones
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.stand_ins import WORKS
from tests.world.station import FIRE
from tests.world.waiting import until
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.file_lock import exclusive, holder
from yizhan.services.home import Home
from yizhan.services.sample import make_sample
from yizhan.services.stores import open_outbox
from yizhan.services.watching import Kind, Outage, ProcessWatch, Pulse


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the home of two counties once."""
    folder = tmp_path_factory.mktemp("watching") / "home"
    make_sample(folder, (SHOUNING, QINGYUAN), datetime.now(UTC))
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    """Return a copy of that home."""
    return Home(shutil.copytree(made, tmp_path / "home"))


@contextlib.contextmanager
def bell(home: Home) -> Iterator[Phone]:
    """Give 寿宁 a bell that rings after a second, whose first channel is dead."""
    with phones(2) as (dead, works):
        dead.status = 403
        rungs = '[rungs]\nduty = ["dead"]\nleader = ["works"]\n'
        path = home.county_folder(SHOUNING) / "bell.toml"
        path.touch(mode=0o600)
        path.write_text("stopped_seconds = 1\n" + channels(dead=dead.url, works=works.url) + rungs, encoding="utf-8")
        yield works


@contextlib.contextmanager
def process(home: Home, kind: Kind) -> Iterator[None]:
    """Run a process that holds a lock of 寿宁's until it is killed."""
    lock = home.county_folder(SHOUNING) / {"inbox": "inbox.sqlite3.reader", "outbox": "outbox.sqlite3.publisher"}[kind]
    with subprocess.Popen([sys.executable, "-S", "-c", WORKS, str(lock)], stdout=subprocess.PIPE) as running:
        until(lambda: holder(lock) is not None, "its lock")
        yield
        os.kill(running.pid, signal.SIGKILL)


def watch(home: Home, own: Kind) -> ProcessWatch:
    """Return the watch that runs in one of the processes, which looks often."""
    return ProcessWatch(home, SHOUNING, own, 0.05)


def test_a_killed_inbox_rings_people_once_until_it_works_again(home: Home) -> None:
    """The next rung that can be reached hears of it once, also when the outbox starts anew; of the next death again."""
    told = home.county_folder(SHOUNING) / "inbox.stopped"
    with bell(home) as phone:
        with process(home, "inbox"):
            ours = watch(home, "outbox")
            for _ in range(100):
                ours.look(1.0)
            assert not phone.heard
        with watch(home, "outbox"):
            until(told.exists, "the first ring")
        assert phone.titles == ["【驿站】收件停了，报警收不到"]
        assert "寿宁县的收件进程没有在运行" in phone.heard[0]["message"]
        with watch(home, "outbox"):
            with process(home, "inbox"):
                until(lambda: not told.exists(), "its recovery")
            until(told.exists, "the second ring")
        assert len(phone.heard) == 2


def test_a_bell_that_can_no_longer_be_used_rings_as_before(home: Home) -> None:
    """Neither a mistake in ``bell.toml`` nor its loss, nor that of the charter, keeps the ring from people."""
    toml = home.county_folder(SHOUNING) / "bell.toml"
    with bell(home) as phone:
        for spoil in (
            lambda: toml.write_text("[channels", encoding="utf-8"),
            toml.unlink,
            lambda: shutil.rmtree(home.charter_folder),
        ):
            ours = watch(home, "outbox")
            ours.look(0.1)
            kept = toml.read_text("utf-8")
            spoil()
            ours.look(1.0)
            assert phone.titles.pop() == "【驿站】收件停了，报警收不到"
            toml.touch(mode=0o600)
            toml.write_text(kept, encoding="utf-8")
            (toml.parent / "inbox.stopped").unlink()


def test_where_nobody_can_be_rung_the_log_says_so(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Without a bell, and with channels that are all dead; it stays untold, and is tried again."""
    ours = watch(home, "outbox")
    for _ in range(100):
        ours.look(1.0)
    with bell(home) as phone:
        phone.status = 403
        other = watch(home, "outbox")
        other.look(1.0)
    found = [each.getMessage() for each in caplog.records if each.levelno == logging.CRITICAL]
    assert found == [f"the inbox of {SHOUNING} does not work, and nobody could be rung"] * 2
    assert (ours.outage.told, other.outage.told) == (False, False)


def test_a_dead_outbox_rings_people_while_an_urgent_event_waits(home: Home) -> None:
    """A dead outbox rings nobody while nothing waits; a fire that waits rings."""
    with bell(home) as phone:
        ours = watch(home, "inbox")
        ours.outage.lasts = 3600.0
        ours.look(0.05)
        assert not phone.heard
        with open_outbox(home, SHOUNING, TerminalPassphrase()) as outbox:
            outbox.publish(parse_draft(FIRE))
        with watch(home, "inbox"):
            until(lambda: phone.heard, "the ring")
        assert phone.titles == ["【驿站】发件停了，急件送不出"]
        assert "有 1 件急件没有送出" in phone.heard[0]["message"]


def test_a_dead_outbox_that_cannot_be_read_rings(home: Home) -> None:
    """Nobody knows what waits in it: that is told, once."""
    store = home.county_folder(SHOUNING) / "outbox.sqlite3"
    store.touch(mode=0o600)
    store.write_bytes(b"not a database" * 100)
    with bell(home) as phone:
        ours = watch(home, "inbox")
        for _ in range(3):
            ours.look(1.0)
        assert phone.titles == ["【驿站】发件停了，急件送不出"]
        assert "发件箱也读不出" in phone.heard[0]["message"]


def test_only_an_outage_that_lasts_is_told() -> None:
    """A restart is none; a process that is started again and again and never works for long is one, and told once."""

    def told(*works: bool) -> int:
        outage = Outage(patience_seconds=10.0)
        rings = 0
        for each in works:
            if outage.look(works=each, seconds=1.0):
                rings, outage.told = rings + 1, True
        return rings

    assert told(*[False] * 3, *[True] * 30, *[False] * 9) == 0
    assert told(*[False] * 60) == 1
    assert told(*[False, False, True] * 20) == 1
    assert told(*[False] * 11, *[True] * 5, *[False] * 11) == 2


def test_a_stopped_process_that_holds_its_lock_does_not_work(tmp_path: Path) -> None:
    """Its lock is no longer touched; one that never touched it, being an older program, works while it holds it."""
    lock = tmp_path / "lock"
    pulse = Pulse(lock)
    assert not pulse.beats(5.0)
    with exclusive(lock, ""):
        assert [pulse.beats(5.0) for _look in range(10)] == [True] * 10
        os.utime(lock, (0, 0))
        assert [pulse.beats(5.0) for _look in range(4)] == [True, True, True, False]
        os.utime(lock)
        assert pulse.beats(5.0)
    assert not pulse.beats(5.0)
