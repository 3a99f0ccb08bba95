"""The broker's fence: who may write and read what, how it is stored, what it refuses."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from tests.integration import hostile
from tests.world.cluster import Cluster
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.deploy import admin
from yizhan.deploy.broker import Broker
from yizhan.deploy.certificates import ensure_certificates
from yizhan.deploy.class_archive import ARCHIVE, keep
from yizhan.deploy.home import setup_home
from yizhan.deploy.jars import cache_folder, class_path
from yizhan.deploy.java import java
from yizhan.deploy.properties import CONNECTIONS_PER_ADDRESS, MAX_REQUEST_BYTES
from yizhan.deploy.rehearsal import ensure_archive
from yizhan.runtime.acl_check import require_access
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import NotAuthorised
from yizhan.schemas import topics
from yizhan.schemas.admit import MAX_KAFKA_HEADER_BYTES
from yizhan.schemas.envelope import MAX_BYTES
from yizhan.schemas.sample import SIX

ME, PARTNER = "350924", "331126"
MINE, STATION = topics.county(ME), topics.STATION


def test_a_county_writes_its_events_and_the_station_reads_them(cluster: Cluster) -> None:
    """What the county sends arrives whole, under the broker's own time."""
    before = time.time() * 1000
    with cluster.producer(MINE) as producer:
        sent = producer.send(topics.events(ME), b"sealed", timestamp_ms=1).get(timeout=LIMIT_SECONDS)
    (record,) = cluster.read(STATION, topics.events(ME), sent.offset)
    assert record.value == b"sealed"
    assert record.timestamp_type == 1
    assert before - 1000 < record.timestamp < time.time() * 1000 + 1000


def test_a_county_cannot_write_anothers_events(cluster: Cluster) -> None:
    """The broker refuses by certificate, whatever the record says."""
    with pytest.raises(TopicAuthorizationFailedError):
        cluster.send(MINE, topics.events(PARTNER), b"forged")


@pytest.mark.parametrize(
    "topic",
    [topics.alerts(ME), topics.postings(ME), topics.digests(PARTNER), topics.pending(ME),
     topics.QUARANTINE, topics.AUDIT, topics.CHARTER, topics.CHECKPOINTS, topics.FOLLOWUPS,
     topics.cosignatures(PARTNER)],
)  # fmt: skip
def test_a_county_writes_nowhere_else(cluster: Cluster, topic: str) -> None:
    """A county cannot write to any topic but its own, including those that it reads."""
    with pytest.raises(TopicAuthorizationFailedError):
        cluster.send(MINE, topic, b"forged")


def test_the_station_writes_no_countys_events(cluster: Cluster) -> None:
    """The station can forward and refuse; it cannot speak for a county."""
    with pytest.raises(TopicAuthorizationFailedError):
        cluster.send(STATION, topics.events(ME), b"forged")


def check_access(cluster: Cluster, principal: str, *, read: Sequence[str] = (), write: Sequence[str] = ()) -> None:
    """Ask the broker, as every process does at its start, whether a principal may do its work."""
    with cluster.admin(principal) as client:
        require_access(client.describe_topics([*read, *write]), principal, read=read, write=write)


@pytest.mark.parametrize(
    "topic", [topics.alerts(PARTNER), topics.events(PARTNER), topics.events(ME), topics.QUARANTINE]
)
def test_a_county_cannot_read_what_is_not_its_own(cluster: Cluster, topic: str) -> None:
    """No record of another's alerts or events reaches it, and the check at the start says why."""
    cluster.send("admin", topic, b"not for you")
    with pytest.raises(NotAuthorised, match=f"{MINE} 没有主题 {topic} 的 READ 权限"):
        check_access(cluster, MINE, read=[topic])
    assert list(quietly(cluster, topic)) == []


def quietly(cluster: Cluster, topic: str) -> list[Any]:
    """Read as the county does without a check: silence or a refusal, never a record."""
    with cluster.consumer(MINE) as consumer, contextlib.suppress(TopicAuthorizationFailedError):
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        return [record for records in consumer.poll(timeout_ms=3000).values() for record in records]
    return []


def test_the_check_passes_for_everyone_in_their_own_place(cluster: Cluster) -> None:
    """What the declaration gives is what the broker allows, for every principal and topic."""
    declared = topics.declare(SIX)
    for principal in {name for topic in declared for name in (*topic.writers, *topic.readers)}:
        check_access(
            cluster,
            principal,
            read=[topic.name for topic in declared if principal in topic.readers],
            write=[topic.name for topic in declared if principal in topic.writers],
        )


def test_a_topic_that_is_not_there_is_told(cluster: Cluster) -> None:
    """A member that was not declared yet gets a sentence, not silence."""
    with pytest.raises(NotAuthorised, match=r"Kafka 上没有主题"):
        check_access(cluster, "admin", read=["yizhan.alerts.999999"])


def test_a_county_uses_its_own_groups_only(cluster: Cluster) -> None:
    """Its offsets cannot be moved by another, nor another's by it."""
    with cluster.consumer(MINE, group_id=topics.group(MINE, "inbox")) as mine:
        mine.subscribe([topics.alerts(ME)])
        mine.poll(timeout_ms=3000)
        assert mine.assignment()
    other = topics.group(topics.county(PARTNER), "inbox")
    with cluster.consumer(MINE, group_id=other) as theirs:
        theirs.subscribe([topics.alerts(ME)])
        with pytest.raises(GroupAuthorizationFailedError):
            theirs.poll(timeout_ms=5000)


def test_topics_are_never_made_by_accident(cluster: Cluster) -> None:
    """No topic is created automatically, not even by a record of the administrator."""
    with pytest.raises(KafkaError):
        cluster.send("admin", "yizhan.events.999999", b"x", max_block_ms=3000)
    with cluster.admin() as client:
        assert "yizhan.events.999999" not in client.list_topics()


def test_the_largest_event_fits_and_a_larger_record_is_refused(cluster: Cluster) -> None:
    """900,000 bytes with 64 KiB of headers pass and can be forwarded; 1 MiB does not."""
    headers = [("h", b"x" * (MAX_KAFKA_HEADER_BYTES - 1))]
    value = os.urandom(MAX_BYTES)
    limit = 8 * 1024 * 1024
    with cluster.producer(MINE, max_request_size=limit) as producer:
        sent = producer.send(topics.events(ME), value, headers=headers).get(timeout=LIMIT_SECONDS)
        with pytest.raises(MessageSizeTooLargeError):
            producer.send(topics.events(ME), os.urandom(1024 * 1024)).get(timeout=LIMIT_SECONDS)
    (record,) = cluster.read(STATION, topics.events(ME), sent.offset)
    assert record.value == value
    with cluster.producer(STATION, max_request_size=limit) as producer:
        more = [*headers, ("yizhan-postmark", b"p" * 64 * 1024)]
        producer.send(topics.alerts(PARTNER), value, headers=more).get(timeout=LIMIT_SECONDS)


def test_whatever_the_codec_nobody_decompresses(cluster: Cluster, tmp_path: Path) -> None:
    """Batches in gzip, lz4, zstd and snappy stay as they came; a reader gets a record without a value, and goes on."""
    topic, codecs = topics.events("331181"), ("gzip", "lz4", "zstd", "snappy")
    running = [java_producer(cluster, "county-331181", topic, codec, tmp_path) for codec in codecs]
    for process in running:
        _, said = process.communicate(timeout=LIMIT_SECONDS)
        assert process.returncode == 0, said.decode()
    cluster.send("county-331181", topic, b"plain")
    assert [record.value for record in cluster.read(STATION, topic, count=5)] == [None] * 4 + [b"plain"]
    data = b"".join(path.read_bytes() for path in cluster.segments(topic))
    assert sorted(codecs_of(data)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("topic", [topics.events(ME), topics.attachments(ME), topics.cosignatures(ME)])
def test_a_batch_that_claims_gigabytes_does_not_end_the_broker(cluster: Cluster, topic: str) -> None:
    """A hundred compressed bytes with a record of 2 GiB: refused or kept unread, and the next record is written."""
    pid = cluster.broker.pid()
    assert hostile.produce(cluster, MINE, topic, hostile.bomb()) in hostile.INVALID
    cluster.send(MINE, topic, b"next")
    assert cluster.broker.pid() == pid


def test_a_batch_of_zeros_costs_the_broker_no_memory(cluster: Cluster) -> None:
    """200 MB in 200 kB, again and again: kept unread, another county's record is written meanwhile."""
    pid, topic = cluster.broker.pid(), topics.events(ME)
    zeros = hostile.batch(gzip.compress(hostile.record(bytes(200 * 1000 * 1000)), 6), 1, hostile.GZIP)
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(hostile.produce, cluster, MINE, topic, zeros) for _ in range(8)]
        started = time.monotonic()
        cluster.send(topics.county(PARTNER), topics.events(PARTNER), b"meanwhile")
        assert time.monotonic() - started < 5
        assert {each.result() for each in sent} == {0}
    assert cluster.broker.pid() == pid


def test_claimed_sizes_do_not_fill_the_brokers_memory(cluster: Cluster) -> None:
    """Five connections that claim requests of 100 MiB, and forty that claim the largest: the broker still answers."""
    pid = cluster.broker.pid()
    with contextlib.ExitStack() as held:
        for _ in range(5):
            secure = held.enter_context(hostile.connect(cluster, MINE))
            secure.settimeout(10)
            secure.sendall((100 * 1024 * 1024).to_bytes(4, "big") + b"\0\0")
            with contextlib.suppress(ConnectionError):
                assert secure.recv(1) == b""
        for _ in range(CONNECTIONS_PER_ADDRESS):
            secure = held.enter_context(hostile.connect(cluster, MINE))
            secure.sendall(MAX_REQUEST_BYTES.to_bytes(4, "big") + b"\0\0")
        cluster.send(topics.county(PARTNER), topics.events(PARTNER), b"x" * MAX_BYTES)
    assert cluster.broker.pid() == pid


def java_producer(cluster: Cluster, principal: str, topic: str, codec: str, folder: Path) -> subprocess.Popen[bytes]:
    """Send one line with Kafka's console producer, which has every codec."""
    tls = cluster.home / "tls" / principal
    key, cert, ca = ((tls / f"{name}.pem").read_text().replace("\n", "\\n")
                     for name in ("key", "cert", "ca"))  # fmt: skip
    settings = folder / f"{codec}.properties"
    settings.write_text(
        f"security.protocol=SSL\nssl.keystore.type=PEM\nssl.keystore.key={key}\n"
        f"ssl.keystore.certificate.chain={cert}\nssl.truststore.type=PEM\n"
        f"ssl.truststore.certificates={ca}\ncompression.type={codec}\n"
    )
    argv = [java().path, "-Xmx128m", "-cp", class_path(cache_folder()),
            "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server",
            cluster.broker.bootstrap, "--topic", topic, "--compression-codec", codec,
            "--command-config", str(settings)]  # fmt: skip
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(f"{codec} {'驿' * 500}\n".encode())
    return process


def codecs_of(data: bytes) -> list[int]:
    """Return the codec of each record batch (Kafka protocol, RecordBatch v2: attributes at 21)."""
    found, at = [], 0
    while at + 23 <= len(data):
        length = int.from_bytes(data[at + 8 : at + 12], "big")
        attributes = int.from_bytes(data[at + 21 : at + 23], "big")
        found.append(attributes & 0x07)
        at += 12 + length
    return found


def test_without_a_certificate_of_ours_no_word_gets_in(cluster: Cluster, tmp_path: Path) -> None:
    """No certificate, one of another authority, and plain text: all end before Kafka's protocol."""
    ensure_certificates(tmp_path, ["admin"], now=datetime.now(UTC))
    ours, theirs = cluster.home / "tls" / "admin" / "ca.pem", tmp_path / "admin"
    for cert, key in ((None, None), (theirs / "cert.pem", theirs / "key.pem")):
        connection = KafkaConnection(cluster.broker.bootstrap, ours, cert, key)
        context = connection.ssl_context()
        assert context is not None
        with pytest.raises((ssl.SSLError, ConnectionError)):
            speak_tls(cluster, context)
    with reach(cluster) as plain:
        plain.sendall(bytes.fromhex("0000000a00120000000000010000"))  # ApiVersions, version 0
        assert plain.recv(64)[:1] in {b"", b"\x15"}  # the end, or a TLS alert; no answer of Kafka's


def reach(cluster: Cluster) -> socket.socket:
    """Open a plain connection to the broker's port."""
    port = int(cluster.broker.bootstrap.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), 5)


def speak_tls(cluster: Cluster, context: ssl.SSLContext) -> None:
    """Shake hands and wait for the first byte, which shows what the broker thinks (TLS 1.3)."""
    with (
        reach(cluster) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.settimeout(5)
        if not secure.recv(1):
            raise ConnectionResetError


def test_applying_again_changes_nothing(cluster: Cluster) -> None:
    """The declaration is what the broker has."""
    assert admin.apply(cluster.connection("admin"), SIX) == ()


def test_what_was_changed_by_hand_is_put_back_and_told(cluster: Cluster) -> None:
    """A setting and a member's rules: one line each; topics stay."""
    name = topics.postings("330327")
    resource = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1000"})
    with cluster.admin() as client:
        client.alter_configs([resource])
    changed = admin.apply(cluster.connection("admin"), SIX)
    assert changed == (f"topic {name}: retention.ms 1000 → 34560000000",)
    left = admin.apply(cluster.connection("admin"), [code for code in SIX if code != "330327"])
    assert left
    assert all("330327" in line and (line.endswith("taken away") or line.startswith("quota")) for line in left)
    with pytest.raises((TopicAuthorizationFailedError, UnknownTopicOrPartitionError)):
        cluster.send("county-330327", topics.events("330327"), b"has left")
    assert len(admin.apply(cluster.connection("admin"), SIX)) == len(left)


def test_the_broker_reads_its_classes_from_the_archive(cluster: Cluster) -> None:
    """The archive that was made before its first start on this machine is mapped into its memory."""
    assert str(cache_folder() / ARCHIVE) in Path(f"/proc/{cluster.broker.pid()}/maps").read_text()


def test_start_stop_status_and_kill(tmp_path: Path) -> None:
    """Twice started is once started; killed, it comes back with its records under the same id.

    All that without an archive of classes: there is a damaged one, and none can be made.
    """
    cache = tmp_path / "cache" / "kafka"
    cache.mkdir(parents=True)
    (cache / "libs").symlink_to(cache_folder() / "libs")
    shutil.copy(cache_folder() / "complete.json", cache)
    shutil.copy(cache_folder() / ARCHIVE, tmp_path / ARCHIVE)
    keep(cache, java(), tmp_path / ARCHIVE)
    os.truncate(cache / ARCHIVE, 30_000_000)
    (cache / "rehearsal").write_text("a file in the way of the folder")
    said: list[str] = []
    ensure_archive(cache, said.append)
    assert "试运行没有完成" in said[-1]
    setup_home(tmp_path, [ME], now=datetime.now(UTC))
    broker = Broker(tmp_path, cache=cache, heap_mib=256)
    try:
        first = broker.start()
        assert first.running
        assert broker.start() == first
        admin.apply(broker.admin_connection(), [ME])
        mine = Cluster(tmp_path, broker)
        assert mine.send(MINE, topics.events(ME), b"kept") == [0]
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        again = broker.start()
        assert (again.cluster_id, again.bootstrap) == (first.cluster_id, first.bootstrap)
        assert again.pid != first.pid
        assert [record.value for record in mine.read(STATION, topics.events(ME))] == [b"kept"]
        assert broker.stop()
        assert not broker.status().running
        assert not broker.stop()
    finally:
        broker.stop()


def test_a_lost_disk_is_a_new_cluster_run_in_the_foreground(tmp_path: Path) -> None:
    """Data gone: formatted under another id, everything applied anew; `run` becomes the broker."""
    setup_home(tmp_path, [ME], now=datetime.now(UTC))
    broker = Broker(tmp_path, heap_mib=256)
    broker.prepare()
    first = broker.cluster_id()
    shutil.rmtree(tmp_path / "broker" / "data")
    program = (
        "import sys; from pathlib import Path; from yizhan.deploy.broker import Broker\n"
        "Broker(Path(sys.argv[1]), heap_mib=256).run()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) as process:
        try:
            until(lambda: broker.pid() or process.poll() is not None, "its process id")
            assert broker.start().pid == process.pid
            assert broker.cluster_id() not in {None, first}
            assert len(admin.apply(broker.admin_connection(), [ME])) > 11
        finally:
            broker.stop()
        assert process.wait(LIMIT_SECONDS) == 143
