"""The publisher on a real broker: at once, in order, again when need be, and never less than all."""

from __future__ import annotations

import contextlib
import gc
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.world.alliance import Alliance, running_station, settle
from tests.world.cluster import Cluster
from tests.world.sender import intelligence
from tests.world.simulator import FIRE, World
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.deploy.broker import Broker
from yizhan.deploy.home import bring_up
from yizhan.producers import publisher
from yizhan.producers.drafts import Draft
from yizhan.producers.outbox import Outbox
from yizhan.runtime.errors import AlreadyRunning, NotAuthorised
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.sample import SIX
from yizhan.schemas.statements import read_dated

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning")
# kafka-python leaves the socket of a connection that was refused, or not yet made, to the collector.

SOURCE, PARTNER = "350722", "331181"
EVENTS = topics.events(SOURCE)


def fire() -> Draft:
    """Draft a fire that rings at the partner's."""
    return Draft(type=FIRE, priority="flash", stage="first", touches=(SOURCE, PARTNER), payload={"summary": "山火"})


@contextlib.contextmanager
def publishing(outbox: Outbox, settings: Settings) -> Iterator[threading.Thread]:
    """Run the publisher in a thread, and stop it at the end."""
    stop = StopSignal()
    thread = threading.Thread(target=publisher.run, args=(outbox, settings, stop))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
        gc.collect()


def opened(world: World, path: Path) -> Outbox:
    """Open an outbox of the source."""
    return Outbox(path / "outbox.sqlite3", SOURCE, world.counties[SOURCE].signing, world.charters)


@pytest.fixture(scope="module")
def alliance(cluster: Cluster) -> Alliance:
    """Keys and charter in the broker's home."""
    return settle(cluster)


@pytest.fixture
def outbox(alliance: Alliance, tmp_path: Path) -> Iterator[Outbox]:
    """An empty outbox on the shared broker."""
    with opened(alliance.world, tmp_path) as box:
        yield box


def test_events_go_out_and_the_answers_come_back(alliance: Alliance, outbox: Outbox, tmp_path: Path) -> None:
    """Prompt before digest, each in order, byte for byte what was sealed; the station lets all in.

    No inbox confirms the fires, so the same bytes go again when the receipts are overdue.
    """
    settings = alliance.cluster.settings.model_copy(update={"receipt_overdue_seconds": 2.0})
    settings._home = alliance.home  # noqa: SLF001 -- a copy forgets where it was loaded from
    start = alliance.end(EVENTS)
    sent = [outbox.publish(draft).id for _ in range(10) for draft in (intelligence(), fire())]
    with publishing(outbox, settings), running_station(alliance, tmp_path / "log"):
        until(lambda: not outbox.depth())
        records = alliance.cluster.read("station", EVENTS, start, count=20)
        assert [record.key.decode() for record in records] == sent[1::2] + sent[0::2]
        for record in records:
            event = outbox.event(record.key.decode())
            assert event is not None
            assert event.envelope == record.value
        until(lambda: all(row.state == "accepted" for row in outbox.rows()))
        again = alliance.cluster.read("station", EVENTS, start, count=21)[20]
        assert again.value in [record.value for record in records[:10]]
    assert {(row.way, row.rule) for row in outbox.postings()} == {
        (row.stamped_way, row.stamped_rule) for row in outbox.postings()
    }
    strange = [read_dated(Postmark, posting.value, alliance.charters)[0] for posting in outbox.foreign_postings()]
    # What other tests wrote on this topic is foreign to this outbox; of what it sent itself nothing is.
    assert [postmark.origin for postmark in strange if postmark.origin.offset >= start] == []


def test_a_wakeup_sends_at_once(alliance: Alliance, outbox: Outbox) -> None:
    """An event is on the broker long before the outbox would be polled again."""
    settings = alliance.cluster.settings.model_copy(update={"outbox_poll_seconds": 3600.0})
    settings._home = alliance.home  # noqa: SLF001 -- as above
    with publishing(outbox, settings):
        outbox.publish(fire())
        until(lambda: not outbox.depth())
        start = alliance.end(EVENTS)
        sent = outbox.publish(fire())
        (record,) = alliance.cluster.read("station", EVENTS, start)
        assert record.key.decode() == sent.id


def test_another_countys_certificate_ends_it_with_a_sentence(alliance: Alliance, outbox: Outbox) -> None:
    """Without the right to write its topic the publisher says so and ends; nothing is lost."""
    outbox.publish(fire())
    connection = alliance.cluster.connection("county-350924")
    with pytest.raises(NotAuthorised, match=rf"{SOURCE}.*没有主题.*权限"):
        publisher.run(outbox, alliance.cluster.settings, StopSignal(), connection=connection)
    assert outbox.depth() == 1


def test_one_publisher_an_outbox(alliance: Alliance, outbox: Outbox) -> None:
    """A second publisher of the same outbox does not start."""
    with publishing(outbox, alliance.cluster.settings):
        outbox.publish(fire())
        until(lambda: not outbox.depth())
        with pytest.raises(AlreadyRunning, match="另有一个进程在发送"):
            publisher.run(outbox, alliance.cluster.settings, StopSignal())


def test_a_broker_whose_disk_is_gone_loses_nothing(tmp_path: Path) -> None:
    """Events sent before, and accepted while the broker was away, all stand on the new one, in order."""
    world = World(since=datetime.now(UTC) - timedelta(days=1))
    broker = Broker(tmp_path)
    cluster = Cluster(tmp_path, broker)
    threads = threading.active_count()
    try:
        bring_up(tmp_path, SIX, now=datetime.now(UTC))
        with opened(world, tmp_path) as outbox, publishing(outbox, cluster.settings):
            sent = [outbox.publish(fire()).id for _ in range(20)]
            until(lambda: not outbox.depth())
            broker.stop()
            shutil.rmtree(broker.folder / "data")
            sent += [outbox.publish(fire()).id for _ in range(5)]
            until(lambda: outbox.publisher_state()[1] is not None)  # whoever looks into the outbox reads why it waits
            bring_up(tmp_path, SIX, now=datetime.now(UTC))
            until(lambda: not outbox.depth())
            records = cluster.read("station", EVENTS, count=25)
            assert list(dict.fromkeys(record.key.decode() for record in records)) == sent
            assert len(outbox.epochs()) == 1
            assert outbox.publisher_state() == (True, None)
        until(lambda: threading.active_count() <= threads)
    finally:
        broker.stop()
        gc.collect()
