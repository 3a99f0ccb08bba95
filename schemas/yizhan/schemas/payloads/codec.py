"""Writing payloads: checked in full, then encoded.

Rule 1: every fault is named at once, by its path: an officer mends a form in one go.
Rule 2: reading what was written gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from yizhan.schemas import sentences, strictjson
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.base import Payload
from yizhan.schemas.payloads.table import TYPES

_SHOWN: Final = 60


def parse_strict(type: str, data: bytes | Mapping[str, Any]) -> Payload:
    """Check a payload strictly, as its sender must.

    Args:
        type: ``yizhan.….v1``, a row of ``TYPES``.
        data: JSON bytes, or the object that they hold.

    Raises:
        PayloadInvalid: with (path, message) for every fault; the path is ``""`` for the whole.
    """
    row = TYPES.get(type)
    if row is None:
        sentence = _("应为其中之一：{expected}").format(expected=", ".join(TYPES))
        raise PayloadInvalid((("type", f"{sentence}{_(sentences.GOT)}{type[:_SHOWN]!r}"),))
    try:
        content = strictjson.loads(data, floats=True) if isinstance(data, bytes) else data
        text = strictjson.dumps(content)
    except (strictjson.StrictJsonError, TypeError, ValueError, RecursionError) as error:
        raise PayloadInvalid((("", not_json(error)),)) from None
    if not isinstance(content, Mapping):
        raise PayloadInvalid((("", f"{_('应为 JSON 对象')}{_(sentences.GOT)}{text.decode()[:_SHOWN]}"),))
    try:
        return row.model.model_validate_json(text)
    except ValidationError as error:
        raise PayloadInvalid(tuple(faults(error))) from None


def faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield (path, sentence) for every fault that pydantic found: what was expected, and what was found."""
    found = [(path_of(one), one) for one in error.errors(include_url=False)]
    for path, one in found:
        # A list is also called too short when its items are at fault: the items say enough.
        if one["type"] != "too_short" or not any(other.startswith(f"{path}.") for other, _ in found):
            yield path, f"{sentences.expected(one)}{_(sentences.GOT)}{shown_input(one)}"


def not_json(error: Exception) -> str:
    """Return a sentence that says that a text is not one unambiguous JSON object, and why."""
    hint = _("；请将文件另存为 UTF-8") if "UTF-8" in str(error) else ""
    return sentences.technical(_("应为一个规范的 JSON 对象"), str(error)[:200]) + hint


def path_of(fault: ErrorDetails) -> str:
    """Return ``place.position.coordinates.1``; pydantic's names for branches of a union are left out."""
    *above, last = fault["loc"] or ("",)
    named = [part for part in above if isinstance(part, int) or not _is_branch(part)]
    if fault["type"] == "extra_forbidden" or isinstance(last, int) or not _is_branch(last):
        named.append(last)
    return ".".join(map(str, named))


def shown_input(fault: ErrorDetails) -> str:
    """Return the value that was found, shortened; in words for a missing field and for an object."""
    if fault["type"] == "missing":
        return _("空")
    if isinstance(fault["input"], Mapping):
        return _("一个 JSON 对象")
    try:
        text = strictjson.dumps(fault["input"]).decode()
    except (TypeError, ValueError):
        text = repr(fault["input"])
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _is_branch(part: str) -> bool:
    return "[" in part or part in {"int", "str", "constrained-int", "constrained-str", "literal"}


def encode(model: Payload) -> bytes:
    """Write a payload: compact UTF-8 JSON, names sorted, absent fields left out.

    Floats stand as Python writes them, the shortest text that reads back as the same number.
    """
    return strictjson.dumps(model.model_dump(mode="json", exclude_none=True))


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return type → JSON Schema (2020-12) of its payload, for integrators in other languages."""
    schemas: dict[str, dict[str, Any]] = {}
    for type_, row in TYPES.items():
        schema = row.model.model_json_schema(by_alias=True)
        schemas[type_] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:{type_.replace('.', ':')}",
            **schema,
            "title": f"{row.mechanism} · {row.title}",
        }
    return schemas
