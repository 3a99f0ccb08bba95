"""Faults of three brokers: one or two killed, the controller that decides killed, a disk lost and rebuilt.

Each is broker and controller. The processes of station and counties run on and find the others by themselves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from bench.faults_run import Fault
from bench.faults_world import world
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.quorum import cluster_state
from yizhan.schemas import topics
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.faults_run import Hurting
    from yizhan.deploy.broker import Broker

NODES: Final = 3
OUTAGE_SECONDS: Final = 10.0
"""How long two are away."""
_REFUSED_SECONDS: Final = 5.0
_LATER_SECONDS: Final = 60.0


def _kill(node: Broker) -> None:
    pid = node.pid()
    assert pid is not None, f"broker {node.node} does not run"
    os.kill(pid, signal.SIGKILL)
    while node.pid() == pid:
        time.sleep(0.01)


def _mend(hurting: Hurting) -> None:
    """Start what is dead, and wait until everything is on all three again."""
    brokers, begun = Brokers(hurting.world.home), time.monotonic()
    brokers.start()
    brokers.wait_whole()
    hurting.note(f"back, and everything on all three, after {time.monotonic() - begun:.1f} s")


def kill_one(hurting: Hurting, turn: int) -> None:
    """Kill one of three, and start it again only when events flow without it."""
    hurting.pause()
    _kill(Brokers(hurting.world.home).node(turn % NODES + 1))
    hurting.note(f"broker {turn % NODES + 1} killed: accepted after it, arrived within {hurting.flows():.1f} s")
    _mend(hurting)


def kill_leader(hurting: Hurting, _turn: int) -> None:
    """Kill the controller that decides, and start it again only when events flow without it."""
    hurting.pause()
    brokers = Brokers(hurting.world.home)
    _kill(brokers.node(cluster_state(brokers.admin_connection()).leader))
    hurting.note(f"accepted after it, arrived within {hurting.flows():.1f} s")
    _mend(hurting)


def kill_two(hurting: Hurting, turn: int) -> None:
    """Kill two of three: what is written is refused, until they are back."""
    hurting.pause()
    nodes = Brokers(hurting.world.home).nodes
    for node in (nodes[turn % NODES], nodes[(turn + 1) % NODES]):
        _kill(node)
    begun = time.monotonic()
    with _writing(hurting):
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - begun)))
        _mend(hurting)
    hurting.note(f"events flow {hurting.flows():.1f} s later")


def lose_disk(hurting: Hurting, turn: int) -> None:
    """Kill one of three and delete its data; it copies everything from the others."""
    hurting.pause()
    node = Brokers(hurting.world.home).node((turn + 1) % NODES + 1)
    _kill(node)
    shutil.rmtree(node.data)
    _mend(hurting)
    hurting.flows()


@contextlib.contextmanager
def _writing(hurting: Hurting) -> Iterator[None]:
    """Write a record that nobody reads, and tell whether it is acknowledged before the block and after it."""
    connection = hurting.world.settings.connection(topics.ADMIN)
    alive = next(server for server in connection.servers if connection.speaks(only=server))
    settings = replace(connection, bootstrap=alive).kafka_python()
    producer = KafkaProducer(**settings, acks="all", enable_idempotence=True, request_timeout_ms=1000)
    sent = producer.send(topics.attachments(TWO[0]), b"")
    try:
        sent.get(timeout=_REFUSED_SECONDS)
        hurting.note("with two dead a record was acknowledged")
    except KafkaError:
        hurting.note(f"with two dead a record was not acknowledged within {_REFUSED_SECONDS:.0f} s")
    yield
    sent.get(timeout=_LATER_SECONDS)
    producer.close(timeout=_LATER_SECONDS)


def _grow(home: Path) -> None:
    Brokers(home).grow(NODES)


_three = partial(world, prepare=_grow)

FAULTS: Final = {
    "one_of_three_killed": Fault("kill -9 of one of three brokers, each in turn", NODES, kill_one, world=_three),
    "controller_leader_killed": Fault("kill -9 of the controller that decides", 2, kill_leader, world=_three),
    "two_of_three_killed": Fault(
        f"kill -9 of two of three brokers, for {OUTAGE_SECONDS:.0f} s", 1, kill_two, world=_three
    ),
    "one_disk_of_three_lost": Fault("kill -9 of one of three, its data deleted", 1, lose_disk, world=_three),
}
