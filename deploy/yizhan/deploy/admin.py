"""Configures a broker as :mod:`yizhan.schemas.topics` declares: topics, access rules, quotas.

Rule 1: applying it again changes nothing; every change is reported as one line.
Rule 2: topics are created and configured; no topic is ever deleted or shortened.
Rule 3: undeclared access rules of our principals are removed: a county that left loses its rights.
Rule 4: everyone may do what the declaration says and nothing else; groups only under one's own name.

The one file of this folder that imports Kafka.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaError, SecurityDisabledError, for_code
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeClientQuotasRequest

from yizhan.deploy.errors import ApplyFailed
from yizhan.runtime import clients
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics

_OURS: Final = re.compile(r"User:(county-[0-9]{6}|station|ledger|auditor)")
_SETTLE_SECONDS: Final = 15.0
_ANY_NAMED_ENTITY: Final = 2  # DescribeClientQuotas match type

Rule = tuple[str, str, str, str]
"""An access rule: principal, operation, kind of resource with its pattern, name."""


def apply(connection: KafkaConnection, members: Sequence[str]) -> tuple[str, ...]:
    """Apply the declaration of topics, access rules and quotas; return the changes, one line each.

    ``connection`` must be the administrator's. Raises :class:`ApplyFailed` when the broker refuses,
    and ``ValueError`` as :func:`yizhan.schemas.topics.declare` does.
    """
    declared = topics.declare(members)
    with _client(connection) as client:
        return (
            *_apply_topics(client, declared),
            *_apply_rules(client, frozenset(rules(declared))),
            *_apply_quotas(client, topics.quotas(members)),
        )


def rules(declared: Sequence[topics.Topic]) -> Iterator[Rule]:
    """Derive every access rule from the declaration. DESCRIBE is included in READ and WRITE."""
    principals: dict[str, None] = {}
    for topic in declared:
        for principal in topic.writers:
            yield principal, "WRITE", "TOPIC/LITERAL", topic.name
        for principal in topic.readers:
            yield principal, "READ", "TOPIC/LITERAL", topic.name
        principals |= dict.fromkeys((*topic.writers, *topic.readers))
    for principal in principals:
        yield principal, "READ", "GROUP/PREFIXED", topics.group_prefix(principal)


def answers(connection: KafkaConnection, seconds: float = 5.0) -> bool:
    """Return whether a broker answers a real request within ``seconds``."""
    try:
        with _client(connection, seconds) as client:
            return bool(client.describe_cluster()["brokers"])
    except ApplyFailed:
        return False


def cluster_id(connection: KafkaConnection) -> str:
    """Return the cluster's id. Raises :class:`ApplyFailed` when nobody answers."""
    with _client(connection) as client:
        return str(client.describe_cluster()["cluster_id"])


@contextlib.contextmanager
def _client(connection: KafkaConnection, seconds: float = 15.0) -> Iterator[KafkaAdminClient]:
    """Connect; failures become our own errors."""
    try:
        with clients.admin(connection, "yizhan-admin", bootstrap_timeout_ms=int(seconds * 1000)) as client:
            yield client
    except KafkaError as error:
        raise ApplyFailed(
            f"Kafka at {connection.bootstrap}: {error or type(error).__name__}; is it running, and "
            "is this the administrator's certificate?"
        ) from error


def _apply_topics(client: KafkaAdminClient, declared: Sequence[topics.Topic]) -> list[str]:
    present = set(client.list_topics())
    missing = {
        topic.name: {"num_partitions": topic.partitions, "configs": topic.config()}
        for topic in declared
        if topic.name not in present
    }
    if missing:
        client.create_topics(missing, wait_for_metadata=True)
    lines = [f"topic {name}: made" for name in missing]
    existing = {topic.name: topic for topic in declared if topic.name in present}
    return lines + (_apply_settings(client, existing) if existing else [])


def _apply_settings(client: KafkaAdminClient, existing: dict[str, topics.Topic]) -> list[str]:
    lines: list[str] = []
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in existing]
    found = client.describe_configs(resources, config_filter="all")["topic"]
    changed = []
    for name, topic in existing.items():
        want = {
            key: value for key, value in topic.config().items() if (found[name].get(key) or {}).get("value") != value
        }
        for key, value in want.items():
            current = (found[name].get(key) or {}).get("value")
            lines.append(f"topic {name}: {key} {current} → {value}")
        if want:
            changed.append(ConfigResource(ConfigResourceType.TOPIC, name, want))
    if changed:
        results = client.alter_configs(changed)["topic"]
        failed = {name: outcome for name, outcome in results.items() if outcome != "OK"}
        if failed:
            raise ApplyFailed(f"topic settings refused: {failed}; is this Kafka 3.9 or later?")
    return lines


def _apply_rules(client: KafkaAdminClient, wanted: frozenset[Rule]) -> list[str]:
    try:
        ours = _rules_found(client)
    except SecurityDisabledError:
        return ["access rules: this broker has no authorizer, so anyone who reaches it may all"]
    missing = sorted(wanted - ours.keys())
    surplus = sorted(ours.keys() - wanted)
    if missing:
        answer = client.create_acls([_acl(rule) for rule in missing])
        if answer["failed"]:
            raise ApplyFailed(f"access rules refused: {answer['failed'][0].__name__}")
    if surplus:
        client.delete_acls([_filter(ours[rule]) for rule in surplus])
    _wait_for_rules(client, wanted)
    return [f"rule {' '.join(rule)}: given" for rule in missing] + [
        f"rule {' '.join(rule)}: taken away" for rule in surplus
    ]


def _rules_found(client: KafkaAdminClient) -> dict[Rule, ACL]:
    """Return the rules of our principals that the broker applies at this moment."""
    everything = ACLFilter(
        None,
        None,
        ACLOperation.ANY,
        ACLPermissionType.ANY,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )
    found, _ = client.describe_acls(everything)
    return {_rule(acl): acl for acl in found if _OURS.fullmatch(acl.principal)}


def _wait_for_rules(client: KafkaAdminClient, wanted: frozenset[Rule]) -> None:
    """Wait until the broker applies the rules: it answers when they are logged, a little before.

    A producer that starts in between is denied, and never asks again.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    while _rules_found(client).keys() != wanted:
        if time.monotonic() > deadline:
            raise ApplyFailed(
                f"access rules: expected them in force within {_SETTLE_SECONDS:.0f} s; is somebody "
                "else changing them? Run it again"
            )
        time.sleep(0.05)


def _rule(acl: ACL) -> Rule:
    """Return a rule as text; a rule that denies or names a host is not ours, and so is removed."""
    pattern = acl.resource_pattern
    kind = f"{pattern.resource_type.name}/{pattern.pattern_type.name}"
    odd = "" if acl.permission_type is ACLPermissionType.ALLOW and acl.host == "*" else " (odd)"
    name = f"{pattern.resource_name}{odd}"
    return acl.principal.removeprefix("User:"), acl.operation.name, kind, name


def _acl(rule: Rule) -> ACL:
    principal, operation, kind, name = rule
    resource, _, pattern = kind.partition("/")
    return ACL(
        f"User:{principal}",
        "*",
        ACLOperation[operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(ResourceType[resource], name, ACLResourcePatternType[pattern]),
    )


def _filter(acl: ACL) -> ACLFilter:
    return ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern)


def _apply_quotas(client: KafkaAdminClient, wanted: Sequence[topics.Quota]) -> list[str]:
    """Set byte rates by principal. kafka-python knows the requests but has no method for them."""
    found = _quotas(client)
    lines, entries = [], []
    entry, entity, op = (
        AlterClientQuotasRequest.EntryData,
        AlterClientQuotasRequest.EntryData.EntityData,
        AlterClientQuotasRequest.EntryData.OpData,
    )
    for quota in wanted:
        rates = {
            "producer_byte_rate": float(quota.produce_bytes_per_second),
            "consumer_byte_rate": float(quota.consume_bytes_per_second),
        }
        if quota.thread_percent is not None:
            rates["request_percentage"] = float(quota.thread_percent)
        new = {k: v for k, v in rates.items() if found.get(quota.principal, {}).get(k) != v}
        if new:
            entries.append(
                entry(
                    entity=[entity(entity_type="user", entity_name=quota.principal)],
                    ops=[op(key=key, value=value, remove=False) for key, value in new.items()],
                )
            )
        lines += [f"quota {quota.principal}: {key} {value:.0f}" for key, value in new.items()]
    if entries:
        answer = _ask(client, AlterClientQuotasRequest(entries=entries, validate_only=False))
        for result in answer.entries:
            if result.error_code:
                raise ApplyFailed(f"quotas refused: {for_code(result.error_code).__name__}")
    return lines


def _quotas(client: KafkaAdminClient) -> dict[str, dict[str, float]]:
    component = DescribeClientQuotasRequest.ComponentData(entity_type="user", match_type=_ANY_NAMED_ENTITY, match=None)
    answer = _ask(client, DescribeClientQuotasRequest(components=[component], strict=True))
    if answer.error_code:
        raise ApplyFailed(f"quotas cannot be read: {for_code(answer.error_code).__name__}")
    return {
        entry.entity[0].entity_name: {value.key: value.value for value in entry.values}
        for entry in answer.entries or ()
    }


def _ask(client: KafkaAdminClient, request: Any) -> Any:  # noqa: ANN401  kafka-python's own types
    manager = client._manager  # noqa: SLF001  the only way to send a request without a method
    return manager.run(manager.send, request)
