"""Strict JSON (clause 2), instants (1.4), and a small language for the tables of attributes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from tests.schemas.second.basics import MAX_INTEGER, Invalid, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def strict_json(data: bytes, depth: int = 8) -> Any:  # noqa: ANN401 -- JSON is any
    """Read JSON as 2.1 wants it."""

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Invalid("a name twice")
        return dict(pairs)

    def integer(text: str) -> int:
        if len(text) > 17 or text == "-0" or abs(int(text)) > MAX_INTEGER:
            raise Invalid("integer")
        return int(text)

    def never(text: str) -> NoReturn:
        raise Invalid(text)

    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Invalid("byte order mark")
        value = json.loads(text, object_pairs_hook=unique, parse_int=integer, parse_float=never, parse_constant=never)
        _check_json(value, depth)
    except (ValueError, RecursionError) as error:
        raise Invalid(str(error)) from None
    return value


def _check_json(value: Any, depth: int) -> None:  # noqa: ANN401 -- JSON is any
    if value is None:
        raise Invalid("null")
    if isinstance(value, str):
        value.encode("utf-8")
    if isinstance(value, dict | list):
        if depth == 0:
            raise Invalid("depth")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_json(inner, depth - 1)


def compact(value: Any) -> bytes:  # noqa: ANN401 -- JSON is any
    """Write JSON as 2.3 wants it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# Shapes: a small language for the tables of 7.1, 9.4, 10.5 and 11.1


def text(pattern: str, longest: int = 10**6) -> Callable[[Any], bool]:
    """Return a shape: a string of this pattern."""
    return lambda value: isinstance(value, str) and len(value) <= longest and bool(re.fullmatch(pattern, value))


def one_of(*values: str) -> Callable[[Any], bool]:
    """Return a shape: one of these strings."""
    return lambda value: isinstance(value, str) and value in values


def number(low: int, high: int = MAX_INTEGER) -> Callable[[Any], bool]:
    """Return a shape: an integer, and no boolean."""
    return lambda value: type(value) is int and low <= value <= high


def array(shape: Callable[[Any], bool], low: int = 0, high: int = 10**6) -> Callable[[Any], bool]:
    """Return a shape: an array of these."""
    return lambda value: isinstance(value, list) and low <= len(value) <= high and all(map(shape, value))


def words(low: int, high: int) -> Callable[[Any], bool]:
    """Return a shape: a string of so many characters."""
    return lambda value: isinstance(value, str) and low <= len(value) <= high


def object_of(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Callable[[Any], bool]:
    """Return a shape: an object of these attributes and no other."""
    both = {**required, **(optional or {})}
    return lambda value: (
        isinstance(value, dict)
        and required.keys() <= value.keys() <= both.keys()
        and all(both[name](inner) for name, inner in value.items())
    )


def map_of(key: Callable[[Any], bool], shape: Callable[[Any], bool], high: int) -> Callable[[Any], bool]:
    """Return a shape: an object with any names of one pattern."""
    return lambda value: (
        isinstance(value, dict) and len(value) <= high and all(map(key, value)) and all(map(shape, value.values()))
    )


def is_instant(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    """Tell an instant of 1.4."""
    if not isinstance(value, str) or not re.fullmatch(
        r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3}Z", value
    ):
        return False
    try:
        moment = instant(value)
    except ValueError:
        return False
    return 2000 <= moment.year <= 2199


def instant(value: str) -> datetime:
    """Read an instant of 1.4."""
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def written(moment: datetime) -> str:
    """Write an instant of 1.4."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
