"""The demonstration's parts: how it ends, what it keeps to itself, and what it does when something does not come."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.consumers.inbox import Inbox
from yizhan.demo.account import Account
from yizhan.demo.ending import SIGNALS, Stopped, cleaning_up
from yizhan.demo.play import Day
from yizhan.demo.stage import MARKER, Stage, exclusive_home
from yizhan.deploy.brokers import Brokers
from yizhan.producers.drafts import parse_draft
from yizhan.producers.outbox import Outbox
from yizhan.runtime.process import Supervisor
from yizhan.runtime.settings import Settings
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.policy import Way
from yizhan.schemas.sample import TWO
from yizhan.services.errors import ServiceError
from yizhan.services.sample import make_sample


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_work_and_none_cuts_the_cleaning_short(number: signal.Signals) -> None:
    """The first one ends it; a second one while cleaning up changes nothing."""
    before = [signal.getsignal(each) for each in SIGNALS]
    done: list[str] = []

    def clean() -> None:
        for each in SIGNALS:
            os.kill(os.getpid(), each)
        done.append("cleaned")

    def work() -> None:
        with cleaning_up(clean):
            os.kill(os.getpid(), number)
            done.append("went on")

    with pytest.raises(Stopped) as stopped:
        work()
    assert (stopped.value.number, done) == (number, ["cleaned"])
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_an_ignored_signal_stays_ignored() -> None:
    """Under ``nohup`` the terminal can go: neither the work nor the cleaning ends, and it is ignored afterwards too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cleaning_up(lambda: os.kill(os.getpid(), signal.SIGHUP)):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_goes_wrong_is_cleaned_up_after_too() -> None:
    """An error of the work is told after the cleaning."""
    done = []
    with pytest.raises(ServiceError), cleaning_up(lambda: done.append("cleaned")):
        raise ServiceError("it did not start")
    assert done == ["cleaned"]


def test_one_demonstration_a_folder(tmp_path: Path) -> None:
    """While one plays, another is refused and told its process; what an ended one left is cleared, aloud."""
    home = tmp_path / "demo"
    said: list[str] = []
    with exclusive_home(home, said.append):
        (home / "logs").mkdir()
        with pytest.raises(ServiceError, match=str(os.getpid())), exclusive_home(home, said.append):
            pass
        assert (home / "logs").is_dir()
        assert said == []
    with exclusive_home(home, said.append):
        assert [each.name for each in home.iterdir()] == [MARKER]
    assert str(home) in said[0]


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """A day whose stage has books, but nothing that carries anything."""
    charter = make_sample(tmp_path, TWO, datetime.now(UTC))
    stage = Stage(tmp_path, TWO, charter, Supervisor(tmp_path / "logs"), Settings.load(tmp_path), Brokers(tmp_path))
    charters = AdoptedCharters([charter])
    for county in TWO:
        folder = tmp_path / "counties" / county
        stage.outboxes[county] = Outbox(folder / "outbox.sqlite3", county, stage.signing(county), charters)
        stage.inboxes[county] = Inbox(folder / "inbox.sqlite3", county, (), charters)
    made = Day(stage, Account(Console(quiet=True), charter), patience_seconds=0.0)
    yield made
    stage.end()


def test_what_is_lost_is_counted_and_the_day_goes_on(day: Day) -> None:
    """Events that do not arrive are problems and losses in the figures, not the end of the day."""
    draft = {"type": "yizhan.notice.v1", "payload": {"kind": "text", "text": "收到"}}
    sent = day.stage.outboxes[SHOUNING].publish(parse_draft(draft))
    for way in (Way.NOTICE, Way.DIGEST):
        day.arrives(sent, QINGYUAN, way, "protocol", sender=SHOUNING)
    figures = day.figures({})
    assert figures["lost"] == 1
    assert figures["alarm_latency_ms"] == {"p50": None, "p99": None}
    assert len(day.problems) == 3
