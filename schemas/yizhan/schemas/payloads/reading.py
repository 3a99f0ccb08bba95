"""Reading payloads leniently: whatever a partner sent is shown.

Rule 1: never raises for what a payload holds: an unknown type, unknown fields, wrong values, not even JSON.
Rule 2: nothing is dropped: ``raw`` has every field as it came, ``text`` what could not be taken apart.
Rule 3: what no officer could have written is not checked value by value: one record must not hold up the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from yizhan.schemas import strictjson
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Payload
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.table import TYPES

MAX_DEPTH: Final = 32
"""How deep a reader follows; deeper is shown as text."""
MAX_VALUES: Final = 20_000
"""How many values, objects and lists a reader checks; a payload with more is kept and shown as it came."""
MAX_PROBLEMS: Final = 20
TOO_MUCH: Final = marked("内容的项数太多，未逐项核对，按原样显示")
UNKNOWN_TYPE: Final = marked("未知类型，按原样显示")
NOT_JSON: Final = marked("内容不是规范的 JSON，按原样显示")
NO_OBJECT: Final = marked("内容不是 JSON 对象，按原样显示")


@dataclass(frozen=True, slots=True)
class ReadPayload:
    """A payload as far as it was understood."""

    type: str
    model: Payload | None
    """The typed content; None for an unknown type and where a value is wrong."""
    raw: Mapping[str, Any] = field(hash=False)
    """Every field as it came; empty when the bytes were not a JSON object: see ``text``."""
    unknown_fields: tuple[str, ...] = ()
    """Paths of fields that this version does not know."""
    problems: tuple[tuple[str, str], ...] = ()
    """(path, sentence) of what is not as this version expects; the path is ``""`` for the whole."""
    text: str | None = None
    """What could not be taken apart: the bytes as text, foreign bytes replaced."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One value to be shown."""

    path: str
    titles: tuple[str, ...]
    """Chinese titles from the outermost in, to be translated where shown; a path part where there is none."""
    value: str | int | float | bool | None


def read(type: str, data: bytes) -> ReadPayload:
    """Read a payload leniently. Whether its signature holds is the caller's business."""
    try:
        raw = strictjson.loads(data, floats=True, max_depth=MAX_DEPTH)
    except strictjson.StrictJsonError as error:
        return _as_text(type, data, (NOT_JSON, str(error)))
    if not isinstance(raw, dict):
        return _as_text(type, data, (NO_OBJECT,))
    if _more_than(raw, MAX_VALUES):
        return ReadPayload(type, None, raw, problems=(("", TOO_MUCH),))
    row = TYPES.get(type)
    if row is None:
        return ReadPayload(type, None, raw, problems=(("", UNKNOWN_TYPE),))
    known, written, unknown = raw, data, list[str]()
    # Every round but the last drops an unknown field, so this ends.
    while True:
        try:
            model = row.model.model_validate_json(written)
        except ValidationError as error:
            extra = [one["loc"] for one in error.errors(include_url=False) if one["type"] == "extra_forbidden"]
            fewer = _without(known, extra)
            if fewer == known:
                return ReadPayload(type, None, raw, tuple(unknown), tuple(islice(faults(error), MAX_PROBLEMS)))
            unknown += [".".join(map(str, path)) for path in extra]
            known, written = fewer, strictjson.dumps(fewer)
        else:
            return ReadPayload(type, model, raw, tuple(unknown))


def _as_text(type: str, data: bytes, reasons: tuple[str, ...]) -> ReadPayload:
    return ReadPayload(
        type, None, {}, problems=tuple(("", word) for word in reasons), text=data.decode("utf-8", "replace")
    )


def _more_than(value: Any, most: int) -> bool:  # noqa: ANN401 -- JSON is any
    """Tell whether JSON has more values, objects and lists than a limit; stops counting there."""
    waiting, seen = [value], 1
    while waiting and seen <= most:
        here = waiting.pop()
        inner = list(here.values()) if isinstance(here, dict) else here
        seen += len(inner)
        waiting += [each for each in inner if isinstance(each, dict | list)]
    return seen > most


def _without(value: Any, paths: list[tuple[int | str, ...]]) -> Any:  # noqa: ANN401 -- JSON is any
    """Copy JSON without the named fields."""
    here = {path[0] for path in paths if len(path) == 1}
    below: dict[int | str, list[tuple[int | str, ...]]] = {}
    for head, *rest in paths:
        if rest:
            below.setdefault(head, []).append(tuple(rest))
    if isinstance(value, dict):
        return {
            key: _without(inner, below[key]) if key in below else inner
            for key, inner in value.items()
            if key not in here
        }
    if isinstance(value, list):
        return [_without(inner, below[n]) if n in below else inner for n, inner in enumerate(value)]
    return value


def lines(payload: ReadPayload) -> Iterator[Shown]:
    """Yield every value of a payload for display: in the model's order, then unknown fields."""
    row = TYPES.get(payload.type)
    yield from _lines(dict(payload.raw), (), (), row.model if row else None)
    if payload.text is not None:
        yield Shown("", (), payload.text)


def _lines(value: Any, path: tuple[str, ...], titles: tuple[str, ...], about: Any) -> Iterator[Shown]:  # noqa: ANN401 -- JSON is any
    if isinstance(value, dict):
        fields = _fields(about)
        order = {name: n for n, name in enumerate(fields)}
        for key in sorted(value, key=lambda key: order.get(key, len(fields))):
            inner = fields.get(key)
            title = (inner.title if inner is not None else None) or key
            yield from _lines(value[key], (*path, key), (*titles, title), inner.annotation if inner else None)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _lines(item, (*path, str(n)), titles, about)
    else:
        yield Shown(".".join(path), titles, value)


def _fields(about: Any) -> dict[str, FieldInfo]:  # noqa: ANN401 -- an annotation is any
    """Return the fields by the names that they have in JSON, of the model inside an annotation."""
    model = _model_in(about)
    return {} if model is None else {info.alias or name: info for name, info in model.model_fields.items()}


def _model_in(about: Any) -> type[BaseModel] | None:  # noqa: ANN401 -- an annotation is any
    if isinstance(about, type) and issubclass(about, BaseModel):
        return about
    return next((found for part in getattr(about, "__args__", ()) if (found := _model_in(part))), None)
