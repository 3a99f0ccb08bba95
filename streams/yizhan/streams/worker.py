"""Builds the station's worker and runs it until it is asked to stop.

Rule 1: everything that can be wrong at the start is checked here, and reported in one sentence.
Rule 2: a worker without progress is ended; its supervisor starts it again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY

from yizhan.runtime.clock import utc_now
from yizhan.runtime.heartbeat import Heartbeat
from yizhan.runtime.metrics import serve, watch_gauge
from yizhan.runtime.supervision import tell_connected, tell_stopping
from yizhan.runtime.watchdog import Watchdog
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import marked
from yizhan.streams import app as faust_app
from yizhan.streams.cluster import Cluster, watch
from yizhan.streams.errors import StationError
from yizhan.streams.handling import Station
from yizhan.streams.parts import Share

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.settings import Settings
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey


def written_topics(share: Share) -> list[str]:
    """Return every topic that a worker writes."""
    own = [name(code) for name in (topics.alerts, topics.pending, topics.postings) for code in share.members]
    return [*own, topics.QUARANTINE, topics.AUDIT, topics.followups(share.part), topics.ticks(share.part)]


def _check_members(share: Share) -> None:
    if not share.serves:
        sentence = marked("驿站的“{part}”部分没有成员；请先迁入成员")
        raise StationError(sentence, part=share.part, hint=Action.to("station.move"))


async def _assigned(*_arguments: object, **_named: object) -> None:
    tell_connected()


async def _ending(*_arguments: object, **_named: object) -> None:
    tell_stopping()


def run_station(
    settings: Settings,
    connection: KafkaConnection,
    charters: Charters,
    keys: Sequence[SigningKey],
    lock: Path,
    instance: str,
    part: str = topics.MAIN,
) -> None:
    """Serve the events topics of a part's members until SIGTERM, then end the process with status 0.

    Args:
        settings: of this machine.
        connection: as the principal ``station``.
        charters: adopted versions; refreshed while running.
        keys: postmark keys.
        lock: held by the caller, in the station's folder, where Faust's files are too.
        instance: name of this process in the group, kept over a restart, and no other process's.
        part: whose members are served; ``MAIN`` serves all that no other part serves.

    Raises:
        StationError: no broker answers, a topic is missing, or the part has no members.
        CharterInvalid: the charter in force names none of the keys.
        KeyboardInterrupt: SIGINT asked it to end, and it has ended.
    """
    cluster = Cluster(connection)
    try:
        share = Share.of(charters.latest().members, part, cluster.assigned())
        _check_members(share)
        cluster.check_topics([*share.sources, *written_topics(share)])
        cluster_id = cluster.id()
    except BaseException:
        cluster.close()
        raise
    station = Station(charters, keys, cluster_id, utc_now)
    station.key_at(utc_now())
    watchdog = Watchdog(settings.watchdog_seconds, heart=Heartbeat(lock)).start()
    watch_gauge(watchdog, REGISTRY)
    data = lock.with_name("faust")
    app = faust_app.build(
        station, connection, settings, share=share, data_folder=data, instance=instance, opened=cluster
    )
    app.on_partitions_assigned.connect(_assigned)
    app.on_before_shutdown.connect(_ending)
    threading.Thread(
        target=watch,
        args=(connection, share),
        kwargs={
            "beat": watchdog.beat,
            "flowing": app.flowing,
            "must_end": faust_app.end_process,
            "cluster_id": cluster_id,
        },
        name="watch-cluster",
        daemon=True,
    ).start()
    serve(REGISTRY, settings.metrics_host, settings.station_metrics_port)
    faust_app.run(app)
