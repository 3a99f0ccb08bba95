"""Puts each topic on as many brokers as it should be on, and says how many of them must have a record.

Rule 1: three replicas where there are three brokers, else as many as there are. Replicas are added, never taken away:
        a broker that is down for the moment changes nothing.
Rule 2: with three replicas a record is acknowledged when two of them have it (``min.insync.replicas``); that is asked
        for only when all three have everything, so that a cluster that grows refuses no record.
Rule 3: leaders are spread: topic by topic another broker comes first, and leads as soon as Kafka looks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import for_code
from kafka.protocol.admin import IncrementalAlterConfigsRequest
from kafka.structs import TopicPartition

from yizhan.deploy.errors import ApplyFailed

REPLICAS: Final = 3
IN_SYNC: Final = "min.insync.replicas"
_PATIENCE_SECONDS: Final = 60.0
"""How long copying may make no progress at all."""
_LOOK_SECONDS: Final = 0.2
_OF_TOPIC: Final = "DYNAMIC_TOPIC_CONFIG"
_SET: Final = 0
"""Of a setting: to this value."""

Replicas = Mapping[TopicPartition, tuple[int, ...]]
"""The brokers that each partition is on; the first is the one that leads if it can."""


def replicas_for(brokers: Sequence[int]) -> int:
    """Return on how many brokers a topic should be."""
    return max(1, min(REPLICAS, len(brokers)))


def settings_for(replicas: int) -> dict[str, str]:
    """Return the settings of a topic with so many replicas: how many must have a record before it is acknowledged."""
    return {IN_SYNC: "2"} if replicas >= REPLICAS else {}


def plan(found: Replicas, brokers: Sequence[int]) -> dict[TopicPartition, list[int]]:
    """Return the new brokers of each partition that is on too few.

    >>> plan({TopicPartition("a", 0): (1,), TopicPartition("b", 0): (1,)}, [1, 2, 3])
    {TopicPartition(topic='a', partition=0): [1, 2, 3], TopicPartition(topic='b', partition=0): [2, 3, 1]}
    """
    planned: dict[TopicPartition, list[int]] = {}
    wanted, everybody = replicas_for(brokers), sorted(brokers)
    for turn, partition in enumerate(sorted(found)):
        kept = found[partition]
        if len(kept) >= wanted:
            continue
        first = turn % len(everybody)
        turned = [*everybody[first:], *everybody[:first]]
        added = [each for each in turned if each not in kept][: wanted - len(kept)]
        gone = [each for each in kept if each not in turned]
        planned[partition] = [*(each for each in turned if each in {*kept, *added}), *gone]
    return planned


def raise_replicas(client: Any, names: Sequence[str], brokers: Sequence[int]) -> list[str]:  # noqa: ANN401  kafka-python's
    """Copy partitions of the named topics to more brokers, and wait until these have everything; the changes.

    Raises :class:`ApplyFailed` when it is refused, or makes no progress; what was begun goes on, and is waited for the
    next time.
    """
    found = {
        TopicPartition(topic["name"], each["partition_index"]): tuple(each["replica_nodes"])
        for topic in client.describe_topics(list(names))
        for each in topic["partitions"]
    }
    planned = plan(found, brokers)
    if planned:
        outcomes = client.alter_partition_reassignments(planned)
        if refused := {each: error.__name__ for each, error in outcomes.items() if error}:
            raise ApplyFailed(f"more replicas refused: {refused}")
    _wait_in_sync(client, names)
    return [
        f"topic {each.topic}{f'-{each.partition}' if each.partition else ''}: replicas "
        f"{_listed(found[each])} → {_listed(new)}"
        for each, new in planned.items()
    ]


def ask_in_sync(client: Any, names: Sequence[str]) -> list[str]:  # noqa: ANN401  as above
    """Ask for two copies of every further record of the named topics; the changes."""
    wanted = settings_for(REPLICAS)[IN_SYNC]
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = client.describe_configs(resources, config_filter="all")["topic"]
    current = {name: found[name][IN_SYNC] for name in names}
    # A default is not enough: each broker has its own.
    changed = [n for n in names if int(current[n]["value"]) < int(wanted) or current[n]["config_source"] != _OF_TOPIC]
    if changed:
        settings = [ConfigResource(ConfigResourceType.TOPIC, name, {IN_SYNC: wanted}) for name in changed]
        _require_ok(client.alter_configs(settings)["topic"])
    return [f"topic {name}: {IN_SYNC} {wanted}" for name in changed]


def ask_in_sync_of_others(client: Any, brokers: Sequence[int]) -> list[str]:  # noqa: ANN401  as above
    """Ask for the same of the topics that Kafka makes later by itself; the change.

    kafka-python knows the request, but has no method for the settings of all brokers together.
    """
    wanted, asked = settings_for(REPLICAS)[IN_SYNC], str(brokers[0])
    found = client.describe_configs([ConfigResource(ConfigResourceType.BROKER, asked)], config_filter="all")
    current = found["broker"][asked][IN_SYNC]["value"]
    if int(current) >= int(wanted):
        return []
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource
    setting = resource.AlterableConfig(name=IN_SYNC, config_operation=_SET, value=wanted)
    everybody = resource(resource_type=ConfigResourceType.BROKER, resource_name="", configs=[setting])
    answer = ask(client, IncrementalAlterConfigsRequest(resources=[everybody], validate_only=False))
    for each in answer.responses:
        if each.error_code:
            raise ApplyFailed(f"{IN_SYNC} refused: {for_code(each.error_code).__name__}")
    return [f"all brokers: {IN_SYNC} {current} → {wanted}"]


def ask(client: Any, request: Any) -> Any:  # noqa: ANN401  kafka-python's own types
    """Send a request for which kafka-python's administrator has no method; return the answer."""
    manager = client._manager  # noqa: SLF001  there is no other way
    return manager.run(manager.send, request)


def _require_ok(outcomes: Mapping[str, str]) -> None:
    if failed := {name: outcome for name, outcome in outcomes.items() if outcome != "OK"}:
        raise ApplyFailed(f"{IN_SYNC} refused: {failed}")


def _wait_in_sync(client: Any, names: Sequence[str]) -> None:  # noqa: ANN401  as above
    least, moved = None, time.monotonic()
    while left := sum(map(len, (_lacking(client, names), client.list_partition_reassignments()))):
        if least is None or left < least:
            least, moved = left, time.monotonic()
        if time.monotonic() - moved > _PATIENCE_SECONDS:
            raise ApplyFailed(
                f"{left} partitions are not on all their brokers, and none was finished for {_PATIENCE_SECONDS:.0f} s; "
                "do all brokers run? It goes on by itself: run it again to wait"
            )
        time.sleep(_LOOK_SECONDS)


def _lacking(client: Any, names: Sequence[str]) -> list[str]:  # noqa: ANN401  as above
    return [
        topic["name"]
        for topic in client.describe_topics(list(names))
        for each in topic["partitions"]
        if len(each["isr_nodes"]) < len(each["replica_nodes"])
    ]


def _listed(replicas: Sequence[int]) -> str:
    return ",".join(map(str, replicas))
