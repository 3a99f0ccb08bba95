"""The manifests for Strimzi fit its own resources, and give the rights that are declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.world.command import run
from tests.world.processes import make_home
from yizhan.deploy.admin import rules
from yizhan.deploy.strimzi import IN_SYNC, NODES, manifests
from yizhan.schemas import topics
from yizhan.schemas.sample import SIX

CRDS = json.loads(Path(__file__).with_name("strimzi_crds.json").read_text("utf-8"))
"""Its ``source`` says where it is from, and which licence it has."""
FORBIDDEN = (
    "listeners", "advertised.", "broker.", "listener.", "host.name", "port", "inter.broker.listener.name", "sasl.",
    "ssl.", "security.", "password.", "log.dir", "authorizer.", "super.user", "node.id", "process.roles", "controller.",
)  # fmt: skip
"""Prefixes of settings that Strimzi drops (``KafkaClusterSpec.FORBIDDEN_PREFIXES``)."""
GENERATIONS = {"county-350924": 2}
MADE = manifests(SIX, GENERATIONS)["items"]


def closed(schema: Any) -> Any:  # noqa: ANN401 -- a JSON Schema
    """Return a schema that refuses what it does not name; Kubernetes would drop it without a word."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found["additionalProperties"] = False
    return found


def of_kind(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the manifests of a kind."""
    return (each for each in MADE if each["kind"] == kind)


@pytest.mark.parametrize("kind", ["Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"])
def test_every_manifest_fits_the_resource_of_strimzi(kind: str) -> None:
    """Each is accepted by the schema of Strimzi's own definition, and no field is one that it does not know."""
    validator = jsonschema.Draft202012Validator(closed(CRDS["kinds"][kind]))
    found = list(of_kind(kind))
    assert found
    assert [error.message for each in found for error in validator.iter_errors(each)] == []


def test_a_manifest_with_a_slip_is_refused() -> None:
    """The check finds a field that is misspelt, and a value that is none."""
    validator = jsonschema.Draft202012Validator(closed(CRDS["kinds"]["KafkaUser"]))
    user = next(each for each in of_kind("KafkaUser") if each["spec"].get("quotas"))
    slip: dict[str, Any]
    for slip in ({"quota": {}}, {"quotas": {"producerByteRate": "fast"}}, {"authentication": {"type": "mtls"}}):
        assert not validator.is_valid({**user, "spec": {**user["spec"], **slip}})


def test_users_have_the_declared_rights_and_no_others() -> None:
    """Each access rule is there, under the common name of the certificate in force."""
    given = {
        (user["metadata"]["name"], acl["operations"][0].upper(), acl["resource"]["name"])
        for user in of_kind("KafkaUser")
        for acl in user["spec"].get("authorization", {}).get("acls", ())
    }
    wanted = {(name, operation, what) for name, operation, _kind, what in rules(topics.declare(SIX), GENERATIONS)}
    assert given == wanted
    assert "county-350924-2" in {name for name, _operation, _what in given}
    assert "county-350924" not in {user["metadata"]["name"] for user in of_kind("KafkaUser")}


def test_topics_are_the_declared_ones_on_three_brokers() -> None:
    """Names and settings are those of the declaration; two of three brokers must have a record."""
    found = {each["metadata"]["name"]: each["spec"] for each in of_kind("KafkaTopic")}
    for topic in topics.declare(SIX):
        spec = found.pop(topic.name)
        assert (spec["partitions"], spec["replicas"]) == (topic.partitions, NODES)
        assert spec["config"] == {**topic.config(), "min.insync.replicas": str(IN_SYNC)}
    assert found == {}


def test_no_setting_is_one_that_strimzi_drops() -> None:
    """What it does not take would be dropped without a word."""
    (kafka,) = of_kind("Kafka")
    assert [name for name in kafka["spec"]["kafka"]["config"] if name.startswith(FORBIDDEN)] == []


def test_the_command_prints_them(tmp_path: Path) -> None:
    """``yizhan broker manifests`` prints one JSON document for the members of the charter."""
    home = make_home(tmp_path / "home")
    ran = run("--home", str(home), "broker", "manifests")
    assert ran.code == 0, ran.err
    items = json.loads(ran.out)["items"]
    assert {each["kind"] for each in items} == set(CRDS["kinds"])
