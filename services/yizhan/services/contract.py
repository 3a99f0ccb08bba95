"""The contract as JSON Schemas, for integrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yizhan.producers.drafts import Draft, Office
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.jsonschemas import described, export
from yizhan.services.labels import type_of


def json_schemas() -> Mapping[str, Any]:
    """Return every schema by name: those of the contract, of a draft, of an office."""
    return export() | {"draft": described("draft", Draft), "office": described("office", Office)}


def json_schema(name: str) -> Any:  # noqa: ANN401 -- a JSON document
    """Return the schema of a name, in full, in short or in the words of officers (``NotFound``)."""
    schemas = json_schemas()
    for each in (name, type_of(name), f"{name}.v1"):
        if each is not None and each in schemas:
            return schemas[each]
    raise NotFound(marked("没有名为 {name} 的结构；有的是：{names}"), name=name, names=join_list(sorted(schemas)))
