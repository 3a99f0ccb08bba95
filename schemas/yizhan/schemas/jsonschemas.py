"""JSON Schemas of the contract, for integrators and their tools (draft 2020-12).

Rule 1: they are printed from the models that check, never written by hand.
Rule 2: what a schema cannot say (which id belongs to which source, whose reference binds) stands in
        the specification; who passes the schema may still be refused, who fails it always is.
Rule 3: the wire has no null: an absent attribute is left out, here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from yizhan.schemas import payloads
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.charter_files import AllianceFile, KeysFile
from yizhan.schemas.header import RECEIPT, Header
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.policy import PolicyFile
from yizhan.schemas.postmark import Postmark

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "header": Header,
    "postmark": Postmark,
    "manifest": Manifest,
    "adoption": Adoption,
    "charter.alliance": AllianceFile,
    "charter.policy": PolicyFile,
    "charter.keys": KeysFile,
}
"""What has a schema beside the payloads: name → model."""

_LANE: Final = ("source", "book", "lane", "up_to")


def export() -> dict[str, dict[str, Any]]:
    """Return every schema: ``header``, ``postmark``, …, and one for each payload type.

    A payload's name is its event type, such as ``yizhan.incident.forest_fire.v1``. Each has its
    ``$schema``, a ``$id`` (``urn:yizhan:header:v1``) and a title.
    """
    schemas = {name: model.model_json_schema() for name, model in MODELS.items()}
    _complete_header(schemas["header"])
    schemas["postmark"]["oneOf"] = [
        {"required": ["id", "hash", "decisions"], "not": _any_of("refused", "detail")},
        {"required": ["refused"], "not": _any_of("id", "hash", "decisions", "opens", "ends", "clock_suspect")},
    ]
    schemas["postmark"]["dependentRequired"] = {"opens": ["ends"], "ends": ["opens"]}
    return {**{name: _titled(name, schema) for name, schema in schemas.items()}, **payloads.json_schemas()}


def described(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of another model, of a part that is built on this one, under a name of its own."""
    return _titled(name, model.model_json_schema())


def _titled(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": f"urn:yizhan:{name.replace('.', ':')}:v1",
        **_without_null(schema),
        "title": f"yizhan {name.replace('.', ' ')}",
    }


def _complete_header(schema: dict[str, Any]) -> None:
    """Add what two attributes say about each other."""
    schema["required"] = ["specversion", *schema["required"]]
    is_receipt = {"properties": {"type": {"const": RECEIPT}}, "required": ["type"]}
    schema |= {"if": is_receipt, "then": {"required": ["receipt"]}, "else": {"not": {"required": ["receipt"]}}}
    schema["$defs"]["ReceiptRef"]["oneOf"] = [
        {"properties": {"stage": {"const": "delivered"}}, "required": list(_LANE), "not": _any_of("event")},
        {
            "properties": {"stage": {"not": {"const": "delivered"}}},
            "required": ["event"],
            "not": _any_of(*_LANE, "beyond"),
        },
    ]


def _any_of(*names: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [name]} for name in names]}


def _without_null(schema: Any) -> Any:  # noqa: ANN401 -- JSON is any
    """Take ``null`` out of what pydantic prints for an optional attribute, and close maps."""
    if isinstance(schema, list):
        return [_without_null(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    match schema.get("anyOf"):
        case [dict(present), {"type": "null"}]:
            rest = {name: inner for name, inner in schema.items() if name not in {"anyOf", "default"}}
            return _without_null(rest | present)
    result = {name: _without_null(inner) for name, inner in schema.items()}
    if "patternProperties" in result:
        result["additionalProperties"] = False
    return result
