"""The nodes of a cluster as it says them itself: brokers, controllers, what is not on enough of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from yizhan.deploy.admin import connected
from yizhan.deploy.errors import ApplyFailed
from yizhan.runtime.connection import KafkaConnection

_PREFERRED: Final = 0
"""The election of the first of a partition's brokers."""
_FEATURE: Final = "kraft.version"
"""At 0 the list of controllers is a setting, and fixed; from 1 on it is kept in the data, and can change."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What the cluster says at one instant: numbers of nodes, and names of partitions."""

    brokers: frozenset[int]
    """Those that answer the controller."""
    controllers: frozenset[tuple[int, str | None]]
    """Those that vote, also dead ones, each with the directory that its data had when it joined."""
    leader: int
    """The controller that decides."""
    under_replicated: tuple[str, ...]
    """Partitions that are not on all their nodes."""
    without_leader: tuple[str, ...]
    """Partitions that nobody can write or read."""


def cluster_state(connection: KafkaConnection, seconds: float = 5.0) -> ClusterState:
    """Ask the cluster as administrator. Raises :class:`ApplyFailed` when nobody answers."""
    alive = [each for each in connection.servers if connection.speaks(only=each)]
    if not alive:  # kafka-python leaves a socket open for each that it cannot reach
        raise ApplyFailed(f"no broker answers at {connection.bootstrap}")
    with connected(replace(connection, bootstrap=",".join(alive)), seconds) as client:
        return state_of(client)


def state_of(client: Any) -> ClusterState:  # noqa: ANN401  kafka-python's admin client
    """Ask the cluster through an open client."""
    quorum = client.describe_metadata_quorum()["topics"][0]["partitions"][0]
    partitions = [
        (f"{topic['name']}-{each['partition_index']}", each)
        for topic in client.describe_topics()
        for each in topic["partitions"]
    ]
    return ClusterState(
        frozenset(each["broker_id"] for each in client.describe_cluster()["brokers"]),
        frozenset((each["replica_id"], each["replica_directory_id"]) for each in quorum["current_voters"]),
        quorum["leader_id"],
        tuple(sorted(name for name, each in partitions if len(each["isr_nodes"]) < len(each["replica_nodes"]))),
        tuple(sorted(name for name, each in partitions if each["leader_id"] < 0)),
    )


def spread_leaders(connection: KafkaConnection) -> None:
    """Let each partition be led by the first of its brokers again, as far as that has everything."""
    with connected(connection) as client:
        client.elect_leaders(_PREFERRED, raise_errors=False)


def make_dynamic(connection: KafkaConnection) -> None:
    """Let the list of controllers of a cluster change, for ever. Again changes nothing.

    Raises :class:`ApplyFailed` where Kafka is older than 4.1.
    """
    with connected(connection) as client:
        found = client.describe_features().get(_FEATURE, {})
        if found.get("finalized", (0, 0))[1] >= 1:
            return
        outcome = client.update_features({_FEATURE: 1})[_FEATURE]
        if outcome != "OK":
            raise ApplyFailed(f"{_FEATURE} 1 refused: {outcome}; is this Kafka 4.1 or later?")
