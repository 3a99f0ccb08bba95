"""Two counties, a station, a broker: the smallest story from end to end, all of it real processes."""

from __future__ import annotations

import gc
import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from tests.world.station import FIRE
from tests.world.waiting import until
from yizhan.demo.stage import Stage
from yizhan.deploy.home import bring_up
from yizhan.producers.file_sender import producer_of
from yizhan.producers.publisher import CheckedClient
from yizhan.producers.queries import OutboxQuery, Posting
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.topics import QUARANTINE

SHOUNING, QINGYUAN = TWO = ("350924", "331126")
REPORT: dict[str, Any] = {
    "type": "yizhan.intelligence.report.v1",
    "to": [QINGYUAN],
    "payload": {
        **{name: FIRE["payload"][name] for name in ("org_code", "drafted_by", "contact", "classification", "place")},
        "reviewed_by": FIRE["payload"]["drafted_by"],
        "signed_off_by": FIRE["payload"]["drafted_by"],
        "summary": "界山沿线清除猎套十二副。",
        "ask": ["知悉"],
        "title": "猎套",
        "kind": "线索",
        "origin": "巡查",
        "handling": "可核查",
    },
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything that runs for two counties, in a home of its own: its broker will lose its disk."""
    made = Stage.build(tmp_path_factory.mktemp("exchange") / "home", TWO, lambda _: None)
    try:
        made.start()
        yield made
    finally:
        made.end()
        gc.collect()  # kafka-python leaves a refused connection's socket to the collector


def publish(stage: Stage, draft: dict[str, Any], reference: str) -> str:
    """Publish one event of 寿宁 as a person would; its id."""
    file = stage.home / "draft.jsonl"
    file.write_text(json.dumps({**draft, "external_ref": reference}, ensure_ascii=False), encoding="utf-8")
    report = json.loads(stage.yizhan("publish", str(file), "--county", SHOUNING, "--yes", "--json"))
    return str(report["accepted"][0]["id"])


def posting(stage: Stage, event_id: str) -> Posting:
    """Return what became of an event of 寿宁."""
    return stage.outboxes[SHOUNING].postings(OutboxQuery(id=event_id))[0]


def rung(stage: Stage, event_id: str) -> bool:
    """Return whether an event rang at 庆元."""
    return stage.rings()[QINGYUAN, event_id] > 0


def listed(stage: Stage, *words: str) -> Any:  # noqa: ANN401 -- JSON is any
    """Return what a command of 庆元 tells as JSON."""
    return json.loads(stage.yizhan(*words, "--county", QINGYUAN, "--json"))


def test_a_fire_rings_is_receipted_and_acknowledged_and_the_quarter_closes(stage: Stage) -> None:
    """The partner has it, postmarked, without a warning; the sender reads who saw it; the digest is proven."""
    fire = publish(stage, FIRE, "接-1")
    until(partial(rung, stage, fire), "the ring")
    item = stage.inboxes[QINGYUAN].item(fire)
    assert item is not None
    assert (item.way, item.rule, item.state, item.warnings) == ("alarm", "fire", "ringing", ())
    until(lambda: posting(stage, fire).delivered, "the receipt")
    assert (posting(stage, fire).state, posting(stage, fire).stamped_rule) == ("accepted", "fire")

    stage.yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", "吴国华", "--badge", "331905")
    said = until(lambda: posting(stage, fire).said.get("acknowledged"), "the acknowledgement")
    assert said[0].payload["by"] == {"name": "吴国华", "badge": "331905"}

    report = publish(stage, REPORT, "情-1")
    until(lambda: posting(stage, report).answered, "the station")
    label = str(Quarter.containing(datetime.now(UTC), stage.charter.time_zone))
    listed(stage, "digest", "close", "--label", label, "--early")
    until(stage.inboxes[QINGYUAN].digests, "the digest")
    (digest,) = listed(stage, "digest", "list")["digests"]
    assert (digest["manifest"]["label"], digest["verdict"]) == (label, "verified")
    assert digest["held"] == digest["manifest"]["count"] >= 2
    brought = stage.inboxes[QINGYUAN].item(report)
    assert brought is not None
    assert (brought.state, brought.digests) == ("quiet", (label,))
    until(lambda: posting(stage, report).delivered, "the digest's receipt")


def test_a_broker_that_lost_its_disk_loses_no_event(stage: Stage) -> None:
    """What the old disk had taken and nobody had received goes again; what had rung does not ring again."""
    before = publish(stage, FIRE, "接-2")
    until(partial(rung, stage, before), "the ring")
    until(lambda: posting(stage, before).delivered, "the receipt")
    stage.supervisor.stop("station")
    taken = publish(stage, FIRE, "接-3")
    until(lambda: posting(stage, taken).state == "sent", "the broker")

    stage.broker.stop()
    shutil.rmtree(stage.broker.first.data)
    during = publish(stage, FIRE, "接-4")
    stage.broker, _ = bring_up(Path(stage.home), TWO, now=datetime.now(UTC))
    stage.supervisor.start("station", stage.command("station", "run"))

    for event in (taken, during):
        until(partial(rung, stage, event), "the ring")
        until(lambda event=event: posting(stage, event).delivered, "the receipt")  # type: ignore[misc]
    assert [stage.rings()[QINGYUAN, event] for event in (before, taken, during)] == [1, 1, 1]
    order = [item.id for item in stage.inboxes[QINGYUAN].items() if item.id in {before, taken, during}]
    assert order == [before, taken, during]
    assert not [gap for gap in stage.inboxes[QINGYUAN].gaps() if gap.kind == "lost"]


def test_nothing_is_sent_to_a_cluster_that_was_not_checked(stage: Stage) -> None:
    """A producer keeps its records until the cluster that answers is known, and sends them then."""
    checked = threading.Event()
    network = partial(CheckedClient, lambda _cluster: checked.is_set())
    with producer_of(stage.broker.admin_connection(), "test", network) as producer:
        sent = producer.send(QUARANTINE, b"value", key=b"key", partition=0)
        with pytest.raises(KafkaTimeoutError):
            producer.flush(timeout=1)
        checked.set()
        assert sent.get(timeout=60).offset >= 0
