"""The declaration as manifests for Strimzi, which runs Kafka on Kubernetes: three brokers, topics, users.

Rule 1: topics, rights and quotas are those of :mod:`yizhan.schemas.topics`, as :mod:`yizhan.deploy.admin` applies them
        elsewhere. Strimzi's operators apply them here: ``yizhan broker apply`` is not needed.
Rule 2: a user's certificate is made by Strimzi, with the common name that :mod:`yizhan.deploy.generations` has for it;
        a revoked one is no user any more.
Rule 3: every record is on three brokers, and two must have it before it is acknowledged.

Written for the resources of version ``v1`` (Strimzi 0.49 or later).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from yizhan.deploy.admin import rules
from yizhan.deploy.generations import Generations, common_name
from yizhan.deploy.properties import MAX_REQUEST_BYTES, REQUESTS_IN_MEMORY_BYTES
from yizhan.schemas import topics

CLUSTER: Final = "yizhan"
NODES: Final = 3
IN_SYNC: Final = 2
_VERSION: Final = "kafka.strimzi.io/v1"
_PATTERNS: Final = {"LITERAL": "literal", "PREFIXED": "prefix"}

Manifest = dict[str, Any]


def manifests(members: Sequence[str], generations: Generations) -> Manifest:
    """Return one list for ``kubectl apply``. Raises ``ValueError`` as :func:`yizhan.schemas.topics.declare` does."""
    declared = topics.declare(members)
    items = [_nodes(), _kafka(), *map(_topic, declared), *_users(declared, topics.quotas(members), generations)]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _resource(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    labels = {} if kind == "Kafka" else {"labels": {"strimzi.io/cluster": CLUSTER}}
    return {"apiVersion": _VERSION, "kind": kind, "metadata": {"name": name, **labels}, "spec": spec}


def _nodes() -> Manifest:
    volume = {"id": 0, "type": "persistent-claim", "size": "100Gi", "kraftMetadata": "shared", "deleteClaim": False}
    storage = {"type": "jbod", "volumes": [volume]}
    return _resource(
        "KafkaNodePool", "nodes", {"replicas": NODES, "roles": ["controller", "broker"], "storage": storage}
    )


def _kafka() -> Manifest:
    tls = {"type": "tls"}
    listener = {"name": "counties", "port": 9094, "type": "loadbalancer", "tls": True, "authentication": tls}
    config = {
        "auto.create.topics.enable": False,
        "compression.type": "uncompressed",
        "default.replication.factor": NODES,
        "group.initial.rebalance.delay.ms": 0,
        "log.message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": IN_SYNC,
        "offsets.retention.minutes": 60 * 24 * 400,
        "offsets.topic.replication.factor": NODES,
        "producer.id.expiration.ms": 60_000,
        "queued.max.request.bytes": REQUESTS_IN_MEMORY_BYTES,
        "socket.request.max.bytes": MAX_REQUEST_BYTES,
        "transaction.state.log.min.isr": IN_SYNC,
        "transaction.state.log.replication.factor": NODES,
    }
    kafka = {
        "listeners": [listener],
        "authorization": {"type": "simple", "superUsers": [f"CN={topics.ADMIN}"]},
        "config": config,
        "rack": {"topologyKey": "topology.kubernetes.io/zone"},
    }
    return _resource("Kafka", CLUSTER, {"kafka": kafka, "entityOperator": {"topicOperator": {}, "userOperator": {}}})


def _topic(topic: topics.Topic) -> Manifest:
    config = {**topic.config(), "min.insync.replicas": str(IN_SYNC)}
    return _resource("KafkaTopic", topic.name, {"partitions": topic.partitions, "replicas": NODES, "config": config})


def _users(
    declared: Sequence[topics.Topic], quotas: Iterable[topics.Quota], generations: Generations
) -> Iterator[Manifest]:
    tls = {"authentication": {"type": "tls"}}
    yield _resource("KafkaUser", topics.ADMIN, tls)
    granted = list(rules(declared, generations))
    for quota in quotas:
        name = common_name(quota.principal, generations.get(quota.principal, 1))
        rights = [_acl(*rule[1:]) for rule in granted if rule[0] == name]
        spec = {**tls, "authorization": {"type": "simple", "acls": rights}, "quotas": _quota(quota)}
        yield _resource("KafkaUser", name, spec)


def _acl(operation: str, kind: str, name: str) -> dict[str, Any]:
    resource, _slash, pattern = kind.partition("/")
    found = {"type": resource.lower(), "name": name, "patternType": _PATTERNS[pattern]}
    return {"type": "allow", "resource": found, "host": "*", "operations": [operation.capitalize()]}


def _quota(quota: topics.Quota) -> dict[str, int]:
    rates = {"producerByteRate": quota.produce_bytes_per_second, "consumerByteRate": quota.consume_bytes_per_second}
    return rates if quota.thread_percent is None else rates | {"requestPercentage": quota.thread_percent}
