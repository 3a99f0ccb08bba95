"""Attached files from one county to another: real processes, a real broker, a publisher that is killed."""

from __future__ import annotations

import gc
import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.world.cluster import Cluster
from tests.world.simulator import CANGNAN, QINGYUAN, SHOUNING
from tests.world.station import FIRE
from tests.world.waiting import until
from yizhan.demo.stage import Stage
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime import access_log
from yizhan.schemas import merkle, topics
from yizhan.schemas.files import CHUNK_BYTES, write_record

MIB = 1024 * 1024
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything that runs for three counties, one of which is told of nothing."""
    made = Stage.build(tmp_path_factory.mktemp("files") / "home", (SHOUNING, QINGYUAN, CANGNAN), lambda _: None)
    with (made.home / "yizhan.toml").open("a", encoding="utf-8") as settings:
        settings.write("\nfiles_overdue_seconds = 2\nfiles_send_bytes_per_second = 7_000_000\n")
    try:
        made.start()
        yield made
    finally:
        made.end()
        gc.collect()  # kafka-python leaves a refused connection's socket to the collector


def publish(stage: Stage, reference: str, *files: Path, county: str = SHOUNING) -> str:
    """Publish a fire of 寿宁, or another county, to 庆元 with files, as a person would; its id."""
    draft = stage.home / "draft.jsonl"
    said = {**FIRE, "to": [QINGYUAN], "external_ref": reference}
    draft.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    words = [word for path in files for word in ("--attach", str(path))]
    report = json.loads(stage.yizhan("publish", str(draft), *words, "--county", county, "--yes", "--json"))
    return str(report["accepted"][0]["id"])


def listed(stage: Stage, *words: str) -> Any:  # noqa: ANN401 -- JSON is any
    """Return what a command of 庆元 tells as JSON."""
    return json.loads(stage.yizhan(*words, "--county", QINGYUAN, "--json"))


def test_a_file_comes_whole_though_its_publisher_is_killed(stage: Stage, tmp_path: Path) -> None:
    """20 MB arrive byte for byte, forged chunks notwithstanding; whom it was not sent to has none of it."""
    photo, track = tmp_path / "现场.jpg", tmp_path / "轨迹.gpx"
    photo.write_bytes(JPEG + os.urandom(20 * MIB))
    track.write_text('<?xml version="1.0"?>\n<gpx version="1.1"></gpx>\n', encoding="utf-8")
    event = publish(stage, "接-1", photo, track)
    outbox = stage.outboxes[SHOUNING]
    until(lambda: any(row.sent > 10 for row in outbox.files()), "half of it")
    os.kill(stage.supervisor.pid(f"outbox-{SHOUNING}") or 0, signal.SIGKILL)
    at_kill = outbox.files()[0].sent
    assert at_kill < outbox.files()[0].chunks
    _forge(stage, event)
    until(lambda: outbox.files() == (), "庆元 to say that it has them")

    assert [each["complete"] for each in listed(stage, "inbox", "files", event)["files"]] == [True, True]
    out = tmp_path / "out"
    out.mkdir()
    listed(stage, "inbox", "save", event, "-o", str(out))
    assert (out / "现场.jpg").read_bytes() == photo.read_bytes()
    assert (out / "轨迹.gpx").read_bytes() == track.read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    noted = (stage.home / "counties" / QINGYUAN / access_log.FILE).read_text(encoding="utf-8")
    assert noted.count('"inbox save"') == 2
    folder = stage.home / "counties" / CANGNAN / "inbox.sqlite3.files"
    assert [path.name for path in folder.iterdir() if not path.name.startswith("files.sqlite3")] == []


def _forge(stage: Stage, event: str) -> None:
    """Write to 寿宁's topic, as 寿宁, what does not belong to the event."""
    own = stage.outboxes[SHOUNING].event(event)
    assert own is not None
    attachment = json.loads(own.payload)["attachments"][0]
    chunk = os.urandom(CHUNK_BYTES + 16)
    leaves = [merkle.leaf_hash(chunk)]
    other = write_record(merkle.root(leaves), 0, leaves, chunk)
    swapped = other[:4] + bytes.fromhex(attachment["sealed"]["root"]) + other[36:]
    broker = Cluster(stage.home, stage.broker.first)
    broker.send(topics.county(SHOUNING), topics.attachments(SHOUNING), b"", b"YZC1", other, swapped)


def test_what_the_broker_lost_is_asked_for_and_sent_again(stage: Stage, tmp_path: Path) -> None:
    """Chunks that are gone from the broker before they were fetched arrive all the same: their sender has them."""
    stage.supervisor.stop(f"inbox-{QINGYUAN}")
    track = tmp_path / "轨迹.csv"
    track.write_text("lon,lat\n" + "119.5,27.4\n" * 100_000, encoding="utf-8")
    event = publish(stage, "接-2", track)
    outbox = stage.outboxes[SHOUNING]
    until(lambda: all(row.sent == row.chunks for row in outbox.files()), "the broker to have it")
    topic = TopicPartition(topics.attachments(SHOUNING), 0)
    with Cluster(stage.home, stage.broker.first).admin() as admin:
        admin.delete_records({topic: -1})
    stage.supervisor.start(f"inbox-{QINGYUAN}", stage.command("inbox", "run", "--county", QINGYUAN, "--json"))
    until(lambda: outbox.files() == (), "庆元 to say that it has it")
    (posting,) = outbox.postings(OutboxQuery(id=event))
    assert {"unfetched", "fetched"} <= posting.said.keys()
    (tmp_path / "out").mkdir()
    listed(stage, "inbox", "save", event, "轨迹.csv", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "轨迹.csv").read_bytes() == track.read_bytes()


def test_a_broker_without_the_topic_is_named_and_the_event_goes_without_its_file(stage: Stage, tmp_path: Path) -> None:
    """The desk reads what is missing and what to do; the file goes as soon as the topic is there."""
    outbox, topic = stage.outboxes[SHOUNING], topics.attachments(SHOUNING)
    with Cluster(stage.home, stage.broker.first).admin() as admin:
        admin.delete_topics([topic])
    photo = tmp_path / "现场.jpg"
    photo.write_bytes(JPEG + os.urandom(1000))
    event = publish(stage, "接-3", photo)
    said = until(outbox.files_trouble, "the outbox to be told")
    assert topic in said
    assert "请按章程建立" in said
    until(lambda: outbox.postings(OutboxQuery(id=event))[0].delivered, "the event to be with 庆元")
    listing = json.loads(stage.yizhan("outbox", "files", "--county", SHOUNING, "--json"))
    assert (listing["trouble"], listing["files"][0]["sent"]) == (said, 0)
    stage.yizhan("broker", "apply")
    until(lambda: outbox.files() == (), "庆元 to say that it has it")
    assert outbox.files_trouble() is None


def test_a_county_that_left_does_not_keep_back_the_files_of_others(stage: Stage, tmp_path: Path) -> None:
    """苍南 named a file and may not be read any more; what 寿宁 sends after it comes all the same."""
    photo = tmp_path / "现场.jpg"
    photo.write_bytes(JPEG + os.urandom(MIB))
    gone = ResourcePattern(ResourceType.TOPIC, topics.attachments(CANGNAN))
    stage.supervisor.stop(f"inbox-{QINGYUAN}")
    with Cluster(stage.home, stage.broker.first).admin() as admin:
        everything = ACLFilter(None, "*", ACLOperation.ANY, ACLPermissionType.ANY, gone)
        rules, _ = admin.describe_acls(everything)
        ours = [each for each in rules if topics.county(QINGYUAN) in each.principal]
        assert ours
        admin.delete_acls(
            [ACLFilter(each.principal, each.host, each.operation, each.permission_type, gone) for each in ours]
        )
        publish(stage, "接-3", photo, county=CANGNAN)
        until(lambda: all(row.sent for row in stage.outboxes[CANGNAN].files()), "苍南's event to go")
        publish(stage, "接-4", photo)
        stage.supervisor.start(f"inbox-{QINGYUAN}", stage.command("inbox", "run", "--county", QINGYUAN, "--json"))
        until(lambda: stage.outboxes[SHOUNING].files() == (), "庆元 to have 寿宁's file")
        assert len(stage.outboxes[CANGNAN].files()) == 1
        admin.create_acls(ours)
