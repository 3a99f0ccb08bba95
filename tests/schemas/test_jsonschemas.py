"""JSON Schemas for integrators: valid, and true of what is on the wire."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from tests.world.each import each
from tests.world.simulator import NOW, World
from yizhan.schemas import merkle
from yizhan.schemas.jsonschemas import DIALECT, MODELS, export
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.timestamps import written

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "envelope"
SCHEMAS: Final = export()
ADMITTED: Final = {
    path.stem: vector
    for path in sorted(FOLDER.glob("*.json"))
    if "admitted" in (vector := json.loads(path.read_text("utf-8")))
}
HEADER: Final[dict[str, Any]] = ADMITTED["one-recipient"]["admitted"]["header"]
REF: Final = {"id": "331126-20261123test-7", "hash": "0" * 64}


def fits(name: str, value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    """Return whether a value fits a schema."""
    return bool(Draft202012Validator(SCHEMAS[name]).is_valid(value))


def test_everything_has_a_schema() -> None:
    """The contract's documents and every payload type that is defined."""
    assert set(MODELS) < set(SCHEMAS)
    assert "yizhan.incident.forest_fire.v1" in SCHEMAS
    assert len({schema["$id"] for schema in SCHEMAS.values()}) == len(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema(name: str) -> None:
    """It is valid under draft 2020-12, says so, and can be printed."""
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"].startswith("urn:yizhan:")
    assert schema["title"]
    json.dumps(schema, allow_nan=False)


@each("name", ADMITTED)
def test_headers_and_postmarks_of_the_vectors_fit(name: str) -> None:
    """What is admitted passes its schema, and so does what the station says of it."""
    assert fits("header", ADMITTED[name]["admitted"]["header"])
    document = json.loads(ADMITTED[name]["postmark"]["document"])
    assert fits("postmark", json.loads(base64.b64decode(document["payload"])))


def test_the_charter_of_the_vectors_fits() -> None:
    """All three kinds of charter files match their schemas."""
    charter = FOLDER / "charter"
    assert fits("charter.alliance", json.loads((charter / "alliance.json").read_text("utf-8")))
    assert fits("charter.policy", json.loads((charter / "policy.json").read_text("utf-8")))
    for path in charter.glob("counties/*/keys.json"):
        assert fits("charter.keys", json.loads(path.read_text("utf-8")))


def test_a_manifest_fits() -> None:
    """A manifest and the statement about an empty period match their schemas."""
    world = World()
    said = Manifest(
        county="331126", label="2026Q4", interim=False, start=0, end=0, count=0, prompt=0,
        root=merkle.EMPTY_ROOT.hex(), charter=world.charter.name, cluster="c", closed=written(NOW),
    )  # fmt: skip
    assert fits("manifest", json.loads(said.payload()))
    assert not fits("manifest", json.loads(said.payload()) | {"label": "2026"})


@pytest.mark.parametrize(
    "change",
    [
        {"urgency": "Immediate"}, {"grade": None}, {"grade": 5}, {"grade": True}, {"touches": ["33112"]},
        {"status": "actual"}, {"specversion": "1.1"}, {"time": "2026-11-23T08:00:00Z"}, {"id": "350924-abc-1"},
        {"lanes": {"33112": {"lane": "prompt", "n": 1}}}, {"lanes": {"331126": {"lane": "prompt", "n": 0}}},
        {"reply_to": {"id": REF["id"]}}, {"type": "yizhan.receipt.v1"},
        {"receipt": {"stage": "acted", "event": REF}},
        {"type": "yizhan.receipt.v1", "receipt": {"stage": "delivered", "event": REF}},
        {"type": "yizhan.receipt.v1", "receipt": {"stage": "acted", "event": REF, "up_to": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_malformed_does_not_fit(change: dict[str, Any]) -> None:
    """A schema refuses what the reader refuses by form."""
    assert fits("header", HEADER)
    assert not fits("header", HEADER | change)


REQUIRED = ("specversion", "source", "id", "type", "time", "kid", "to", "lanes", "charter", "status", "priority")


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_required_is_required(name: str) -> None:
    """Specversion too, though a program may leave it to the model."""
    assert not fits("header", {other: value for other, value in HEADER.items() if other != name})


def test_a_postmark_admits_or_refuses() -> None:
    """A postmark admits or refuses; a mixture does not match the schema."""
    document = json.loads(ADMITTED["one-recipient"]["postmark"]["document"])
    mark = json.loads(base64.b64decode(document["payload"]))
    common = {name: mark[name] for name in ("record_sha256", "origin", "received", "charter")}
    assert fits("postmark", common | {"refused": "malformed", "detail": "x"})
    assert fits("postmark", mark | {"opens": [], "ends": []})
    for wrong in (
        common, mark | {"refused": "malformed"}, mark | {"detail": "x"}, common | {"refused": "tired"},
        mark | {"opens": []}, common | {"refused": "malformed", "opens": [], "ends": []},
    ):  # fmt: skip
        assert not fits("postmark", wrong)


SAID = sorted((FOLDER.parent / "statements").glob("postmark-2-*.json"))


@pytest.mark.parametrize("path", SAID, ids=lambda path: path.stem)
def test_postmarks_of_obligations_fit_if_they_are_read(path: Path) -> None:
    """What an event opens and ends: the schema takes what a reader takes, and refuses most of what it refuses."""
    vector = json.loads(path.read_text("utf-8"))
    payload = json.loads(base64.b64decode(json.loads(vector["document"])["payload"]))
    by_other_rules = {"first-form", "refusal", "opens-a-period", "ends-without-about", "without-opens", "without-ends"}
    if "good" in path.stem:
        assert fits("postmark", payload)
    elif path.stem.removeprefix("postmark-2-bad-") not in by_other_rules:
        assert not fits("postmark", payload)


def test_no_schema_of_the_contract_allows_null() -> None:
    """The wire has no null."""
    for name in MODELS:
        assert '"null"' not in json.dumps(SCHEMAS[name])
