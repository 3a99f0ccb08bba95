"""Whether the brokers behind a home are all there, and everything is on as many of them as it should be.

One broker alone is looked at with the processes (:mod:`yizhan.services.status`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from yizhan.deploy.quorum import cluster_state
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import Sentence, join_list, marked
from yizhan.services.home import Home
from yizhan.services.processes import broker_nodes, has_broker

_START: Final = Action.to("broker.start")


@dataclass(frozen=True, slots=True)
class BrokerFault:
    """One thing that is wrong: its code for programs, in words, and what can be done."""

    code: str
    sentence: Sentence
    action: Action | None = None


def broker_faults(home: Home, connection: KafkaConnection) -> Iterator[BrokerFault]:
    """Return what is wrong with several brokers, of this home or elsewhere; nothing where there is only one.

    ``connection`` is that of a process of this home. Raises :class:`DeployError` when the cluster cannot be asked.
    """
    if has_broker(home):
        nodes = broker_nodes(home)
        down = [name for name, process in nodes.items() if process.pid() is None]
        yield from _down(down, len(nodes))
        if not down and len(nodes) > 1:
            yield from _copies(home)
    elif len(connection.servers) > 1:
        silent = [server for server in connection.servers if not connection.speaks(only=server)]
        if 0 < len(silent) < len(connection.servers):
            sentence = marked("Kafka 的 {names} 连不上；另外的照常收发，请告诉驿站")
            yield BrokerFault("broker_node_down", Sentence.of(sentence, names=join_list(silent)))


def _down(down: list[str], nodes: int) -> Iterator[BrokerFault]:
    if not down or len(down) == nodes:  # none runs: that is said of Kafka as a whole
        return
    sentence = marked("Kafka 的 {names} 没有在运行；另外的照常收发，再坏一个就都停")
    if 2 * (nodes - len(down)) <= nodes:
        sentence = marked("Kafka 的 {names} 没有在运行，剩下的不足一半：收发都停着，已收下的不会丢")
    yield BrokerFault("broker_node_down", Sentence.of(sentence, names=join_list(down)), _START)


def _copies(home: Home) -> Iterator[BrokerFault]:
    state = cluster_state(home.settings.connection(topics.ADMIN))
    if state.without_leader:
        sentence = marked("Kafka 有 {count} 个分区读不出也写不进，如 {name}；请看各个 Kafka 的日志")
        params = {"count": len(state.without_leader), "name": state.without_leader[0]}
        yield BrokerFault("partition_offline", Sentence.of(sentence, **params), _START)
    if state.under_replicated:
        sentence = marked("Kafka 有 {count} 个分区还没有存够份数，如 {name}；正在补的请等几分钟，还不够的请看其日志")
        params = {"count": len(state.under_replicated), "name": state.under_replicated[0]}
        yield BrokerFault("under_replicated", Sentence.of(sentence, **params), _START)
