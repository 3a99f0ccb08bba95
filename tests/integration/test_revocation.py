"""A stolen certificate is revoked on a real broker: it may do nothing, its owner goes on, and nobody else notices."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from kafka.structs import OffsetAndMetadata

from tests.integration.test_inbox import ME, PARTNER, Running, committed, fresh_world, id_of
from tests.world.alliance import Alliance, now_text, running_station, settle
from tests.world.cluster import Cluster
from tests.world.command import Ran, run
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.deploy import admin, generations, revocation
from yizhan.deploy.home import apply
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.sample import SIX
from yizhan.services.home import Home
from yizhan.services.status import home_status

MINE, OTHER, AUDITOR = topics.county(ME), topics.county(PARTNER), topics.AUDITOR
ALERTS = TopicPartition(topics.alerts(ME), 0)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect the sockets of refused connections before the next test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def alliance(cluster: Cluster) -> Alliance:
    """Keys and charter in the broker's home."""
    return settle(cluster)


def steal(cluster: Cluster, principal: str, into: Path) -> KafkaConnection:
    """Copy a principal's key and certificate; how a thief connects with them."""
    folder = shutil.copytree(cluster.home / "tls" / principal, into / "stolen")
    return KafkaConnection(cluster.broker.bootstrap, folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


def revoke(cluster: Cluster, owner: str, *words: str, given: str = "", code: int = 0) -> Ran:
    """Run the command in this process."""
    ran = run("--home", str(cluster.home), "broker", "revoke", owner, *words, given=given.encode())
    assert ran.code == code, ran.out + ran.err
    return ran


@pytest.mark.usefixtures("alliance")
def test_a_stolen_certificate_may_do_nothing_and_its_owner_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    """The thief's open and new connections are refused; a running inbox goes on at its offset, and so do others."""
    thief = steal(cluster, MINE, tmp_path).kafka_python()
    group = topics.group(MINE, "inbox")
    county = Running(cluster, fresh_world(), tmp_path / "inbox.sqlite3")
    producer = KafkaProducer(**thief, acks="all", enable_idempotence=True)
    consumer = KafkaConsumer(**thief, group_id=group, enable_auto_commit=False)
    with county.running() as inbox, cluster.producer(OTHER) as neighbour:
        first, second = county.fire(), county.fire()
        (place,) = county.send(first)
        until(lambda: inbox.item(id_of(first)))
        until(lambda: committed(cluster, ALERTS.topic) == place + 1)
        producer.send(topics.events(ME), b"flood").get(timeout=LIMIT_SECONDS)
        consumer.assign([ALERTS])
        consumer.seek(ALERTS, place)
        until(lambda: consumer.poll(timeout_ms=200))
        neighbour.send(topics.events(PARTNER), b"before").get(timeout=LIMIT_SECONDS)

        done = json.loads(revoke(cluster, ME, "--yes", "--json").out)
        assert (done["revoked"], done["common_name"]) == ([MINE], f"{MINE}-2")

        with pytest.raises(TopicAuthorizationFailedError):
            producer.send(topics.events(ME), b"flood").get(timeout=LIMIT_SECONDS)
        with pytest.raises(TopicAuthorizationFailedError):
            until(lambda: consumer.poll(timeout_ms=200))
        with pytest.raises(GroupAuthorizationFailedError):
            consumer.commit({ALERTS: OffsetAndMetadata(0, "", -1)})
        with pytest.raises(GroupAuthorizationFailedError):
            consumer.committed(ALERTS)
        again = KafkaAdminClient(**thief)
        assert again.list_topics() == []
        again.close()

        (offset,) = county.send(second)
        until(lambda: inbox.item(id_of(second)))
        until(lambda: committed(cluster, ALERTS.topic) == offset + 1)
        assert [item.id for item in inbox.ringing()][-2:] == [id_of(first), id_of(second)]
        neighbour.send(topics.events(PARTNER), b"after").get(timeout=LIMIT_SECONDS)
    producer.close(timeout=5)
    consumer.close()
    cluster.send(MINE, topics.events(ME), b"with the new certificate")
    assert apply(cluster.home, cluster.connection("admin"), SIX, now=datetime.now(UTC)) == ()


@pytest.mark.usefixtures("alliance")
def test_a_revocation_that_was_cut_short_is_finished(cluster: Cluster, tmp_path: Path) -> None:
    """Recorded, then killed: the next run goes on with the same generation; only the one after it takes the next."""
    home, connection = cluster.home, cluster.connection("admin")
    thief = steal(cluster, AUDITOR, tmp_path)
    assert f"吊销 {AUDITOR}，换发 {AUDITOR}-2" in revoke(cluster, AUDITOR, given="n\n", code=1).err
    assert AUDITOR not in generations.recorded(home / "tls")
    generations.record(home / "tls", {AUDITOR: 2})
    assert reads(thief)

    ran = revoke(cluster, AUDITOR, given="y\n")
    assert f"接着做：{AUDITOR} 失去权限，{AUDITOR}-2 生效" in ran.err
    assert str(home / "tls" / AUDITOR) in ran.out
    assert not reads(thief)
    assert reads(cluster.connection(AUDITOR))
    following = revocation.plan(home, connection, AUDITOR)
    assert (following.unfinished, following.generation) == (False, 3)
    done = replace(following, generation=2)
    assert revocation.revoke(home, connection, SIX, done, now=datetime.now(UTC)) == ()


def test_an_old_copy_of_the_home_does_not_bring_a_revoked_certificate_back(cluster: Cluster, tmp_path: Path) -> None:
    """Record and certificate of before: the broker's generation counts, and the certificate for it is made again."""
    home, connection, now = cluster.home, cluster.connection("admin"), datetime.now(UTC)
    thief, tls, copy = steal(cluster, topics.LEDGER, tmp_path), home / "tls", tmp_path / "copy"
    shutil.copytree(tls, copy)
    revocation.revoke(home, connection, SIX, revocation.plan(home, connection, topics.LEDGER), now=now)
    shutil.rmtree(tls)
    shutil.copytree(copy, tls)

    assert admin.apply(connection, SIX) == ()
    assert apply(home, connection, SIX, now=now) == ()
    assert not reads(thief)
    assert reads(cluster.connection(topics.LEDGER))


def test_a_station_whose_certificate_is_revoked_ends_and_goes_on_where_it_was(
    cluster: Cluster, alliance: Alliance, tmp_path: Path
) -> None:
    """The running worker ends by itself; with the new certificate it goes on, and no event is lost."""
    steal(cluster, topics.STATION, tmp_path)
    alerts, connection = topics.alerts(PARTNER), cluster.connection("admin")
    with running_station(alliance, tmp_path / "log") as station:
        start = alliance.end(alerts)
        alliance.publish(alliance.world.event(ME, (PARTNER,), time=now_text()), source=ME)
        cluster.read(OTHER, alerts, start)
        planned = revocation.plan(cluster.home, connection, topics.STATION)
        revocation.revoke(cluster.home, connection, SIX, planned, now=datetime.now(UTC))
        alliance.publish(alliance.world.event(ME, (PARTNER,), time=now_text()), source=ME)
        until(lambda: not station.running(), "the end of the worker")
        mine, new = cluster.home / "tls" / topics.STATION, tmp_path / "new"
        mine.rename(new)
        shutil.copytree(tmp_path / "stolen", mine)
        assert "no_rights" in problems(cluster.home)
        shutil.rmtree(mine)
        new.rename(mine)
        assert "no_rights" not in problems(cluster.home)
        station.start()
        assert len(cluster.read(OTHER, alerts, start, count=2)) == 2


def problems(home: Path) -> set[str]:
    """Return the codes that ``yizhan status`` shows."""
    return {each.code for each in home_status(Home(home)).problems}


def reads(connection: KafkaConnection) -> bool:
    """Return whether a certificate may read the audit; a broker lists only what one may see."""
    client = KafkaAdminClient(**connection.kafka_python())
    try:
        return topics.AUDIT in client.list_topics()
    finally:
        client.close()
