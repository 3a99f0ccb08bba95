"""Configures a broker as :mod:`yizhan.schemas.topics` declares: topics, access rules, quotas.

Rule 1: applying it again changes nothing; every change is reported as one line.
Rule 2: topics are created and configured; no topic is ever deleted or shortened.
Rule 3: undeclared access rules of our principals are removed: a county that left loses its rights.
Rule 4: everyone may do what the declaration says and nothing else; groups only under one's own name.
Rule 5: rules and quotas are those of the certificate in force (:mod:`yizhan.deploy.generations`). A revoked one, and
        that of a county that left, still connects: it has no rule, and a quota that lets it hold up nobody.

Beside it only :mod:`yizhan.deploy.replication` imports Kafka.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

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

from yizhan.deploy import replication
from yizhan.deploy.errors import ApplyFailed
from yizhan.deploy.generations import Generations, common_name, latest, parse_common_name
from yizhan.runtime import clients
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics

_USER: Final = "User:"
_FIRST: Final[Generations] = {}
_WITHOUT_RIGHTS: Final = (1024 * 1024, 1024 * 1024, 10)
"""Quota of a certificate without rights: bytes written and read a second, percent of a thread. Not less: above its
quota one is answered without records and without an error, and its owner is to hear at once that it is revoked."""
_SETTLE_SECONDS: Final = 15.0
_ANY_NAMED_ENTITY: Final = 2  # DescribeClientQuotas match type

Rule = tuple[str, str, str, str]
"""An access rule: principal, operation, kind of resource with its pattern, name."""


def apply(
    connection: KafkaConnection,
    members: Sequence[str],
    generations: Generations = _FIRST,
    *,
    parts: Sequence[str] = (),
    internal: bool = False,
) -> tuple[str, ...]:
    """Apply the declaration of topics, access rules and quotas; return the changes, one line each.

    ``connection`` must be the administrator's. ``generations`` are those recorded; later ones that the
    broker has are kept. ``parts`` are the station's. ``internal``: replicate Kafka's own topics too, as is right where
    the cluster is ours alone. Raises :class:`ApplyFailed` when the broker refuses,
    and ``ValueError`` as :func:`yizhan.schemas.topics.declare` does.
    """
    declared = topics.declare(members, parts)
    with connected(connection) as client:
        current = latest(generations, _generations(client))
        return (
            *_apply_topics(client, declared, internal=internal),
            *_apply_rules(client, frozenset(rules(declared, current))),
            *_apply_quotas(client, topics.quotas(members), current),
        )


def rules(declared: Sequence[topics.Topic], generations: Generations = _FIRST) -> Iterator[Rule]:
    """Derive every access rule from the declaration. DESCRIBE is included in READ and WRITE."""
    names: dict[str, str] = {}
    for topic in declared:
        for principal in (*topic.writers, *topic.readers):
            names[principal] = common_name(principal, generations.get(principal, 1))
        for principal in topic.writers:
            yield names[principal], "WRITE", "TOPIC/LITERAL", topic.name
        for principal in topic.readers:
            yield names[principal], "READ", "TOPIC/LITERAL", topic.name
    for principal, name in names.items():
        yield name, "READ", "GROUP/PREFIXED", topics.group_prefix(principal)


def generations_found(connection: KafkaConnection) -> dict[str, int]:
    """Return the latest generation of each principal that the broker has a rule or a quota for."""
    with connected(connection) as client:
        return _generations(client)


def generations_with_rights(connection: KafkaConnection, principal: str) -> frozenset[int]:
    """Return the generations of a principal that have an access rule.

    Raises :class:`ApplyFailed`, also when the broker has no access rules at all.
    """
    with connected(connection) as client:
        try:
            found = map(parse_common_name, {rule[0] for rule in _rules_found(client)})
        except SecurityDisabledError:
            raise ApplyFailed("this broker has no authorizer: nobody's certificate can be revoked") from None
        return frozenset(each[1] for each in found if each is not None and each[0] == principal)


def answers(connection: KafkaConnection, seconds: float = 5.0, *, node: int | None = None) -> bool:
    """Return whether a broker answers a real request within ``seconds``, and the node is one of its cluster."""
    try:
        with connected(connection, seconds) as client:
            found = client.describe_cluster()["brokers"]
            return bool(found) if node is None else any(each["broker_id"] == node for each in found)
    except ApplyFailed:
        return False


def cluster_id(connection: KafkaConnection) -> str:
    """Return the cluster's id. Raises :class:`ApplyFailed` when nobody answers."""
    with connected(connection) as client:
        return str(client.describe_cluster()["cluster_id"])


@contextlib.contextmanager
def connected(connection: KafkaConnection, seconds: float = 15.0) -> Iterator[KafkaAdminClient]:
    """Connect an administrator's client; failures become our own errors."""
    try:
        with clients.admin(connection, "yizhan-admin", bootstrap_timeout_ms=int(seconds * 1000)) as client:
            yield client
    except KafkaError as error:
        raise ApplyFailed(
            f"Kafka at {connection.bootstrap}: {error or type(error).__name__}; is it running, and "
            "is this the administrator's certificate?"
        ) from error


def _apply_topics(client: KafkaAdminClient, declared: Sequence[topics.Topic], *, internal: bool) -> list[str]:
    brokers = sorted(each["broker_id"] for each in client.describe_cluster()["brokers"])
    replicas = replication.replicas_for(brokers)
    present = set(client.list_topics())
    missing = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replicas,
            "configs": topic.config() | replication.settings_for(replicas),
        }
        for topic in declared
        if topic.name not in present
    }
    if missing:
        client.create_topics(missing, wait_for_metadata=True)
    lines = [f"topic {name}: made" for name in missing]
    existing = {topic.name: topic for topic in declared if topic.name in present}
    if existing:
        lines += _apply_settings(client, existing)
    if replicas < replication.REPLICAS:
        return lines
    names = [topic.name for topic in declared] + [name for name in sorted(present) if internal and name[:2] == "__"]
    raised = replication.raise_replicas(client, names, brokers)
    others = replication.ask_in_sync_of_others(client, brokers) if internal else []
    return lines + raised + replication.ask_in_sync(client, names) + others


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


def _generations(client: KafkaAdminClient) -> dict[str, int]:
    names = set(_quotas(client))
    with contextlib.suppress(SecurityDisabledError):
        names |= {rule[0] for rule in _rules_found(client)}
    return latest(*({found[0]: found[1]} for found in map(parse_common_name, names) if found is not None))


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
    return {_rule(acl): acl for acl in found if parse_common_name(acl.principal.removeprefix(_USER))}


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
    return acl.principal.removeprefix(_USER), acl.operation.name, kind, name


def _acl(rule: Rule) -> ACL:
    principal, operation, kind, name = rule
    resource, _, pattern = kind.partition("/")
    return ACL(
        f"{_USER}{principal}",
        "*",
        ACLOperation[operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(ResourceType[resource], name, ACLResourcePatternType[pattern]),
    )


def _filter(acl: ACL) -> ACLFilter:
    return ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern)


def _apply_quotas(client: KafkaAdminClient, declared: Sequence[topics.Quota], generations: Generations) -> list[str]:
    """Set byte rates by common name. kafka-python knows the requests but has no method for them."""
    found = _quotas(client)
    lines, entries = [], []
    entry, entity, op = (
        AlterClientQuotasRequest.EntryData,
        AlterClientQuotasRequest.EntryData.EntityData,
        AlterClientQuotasRequest.EntryData.OpData,
    )
    for name, rates in _rates(declared, generations, found).items():
        new = {k: v for k, v in rates.items() if found.get(name, {}).get(k) != v}
        if new:
            entries.append(
                entry(
                    entity=[entity(entity_type="user", entity_name=name)],
                    ops=[op(key=key, value=value, remove=False) for key, value in new.items()],
                )
            )
        lines += [f"quota {name}: {key} {value:.0f}" for key, value in new.items()]
    if entries:
        answer = replication.ask(client, AlterClientQuotasRequest(entries=entries, validate_only=False))
        for result in answer.entries:
            if result.error_code:
                raise ApplyFailed(f"quotas refused: {for_code(result.error_code).__name__}")
    return lines


def _rates(
    declared: Sequence[topics.Quota], generations: Generations, found: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Return what each common name may: those in force, revoked ones, and those of counties that left."""
    earlier = {common_name(each, number) for each, last in generations.items() for number in range(1, last)}
    ended = sorted(earlier | {name for name in found if parse_common_name(name)})
    quotas = [topics.Quota(name, *_WITHOUT_RIGHTS) for name in ended]
    for quota in declared:
        name = common_name(quota.principal, generations.get(quota.principal, 1))
        quotas.append(replace(quota, principal=name))
    wanted: dict[str, dict[str, float]] = {}
    for quota in quotas:
        wanted[quota.principal] = {
            "producer_byte_rate": float(quota.produce_bytes_per_second),
            "consumer_byte_rate": float(quota.consume_bytes_per_second),
        }
        if quota.thread_percent is not None:
            wanted[quota.principal]["request_percentage"] = float(quota.thread_percent)
    return wanted


def _quotas(client: KafkaAdminClient) -> dict[str, dict[str, float]]:
    component = DescribeClientQuotasRequest.ComponentData(entity_type="user", match_type=_ANY_NAMED_ENTITY, match=None)
    answer = replication.ask(client, DescribeClientQuotasRequest(components=[component], strict=True))
    if answer.error_code:
        raise ApplyFailed(f"quotas cannot be read: {for_code(answer.error_code).__name__}")
    return {
        entry.entity[0].entity_name: {value.key: value.value for value in entry.values}
        for entry in answer.entries or ()
        if entry.entity[0].entity_name is not None  # that is everybody's default
    }
