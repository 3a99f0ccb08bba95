"""Strict JSON: a document that two readers could read differently is refused.

Rule 1: bytes in strict UTF-8, no byte order mark, one value, nothing after it.
Rule 2: no duplicate names, no NaN or Infinity, no lone surrogates (RFC 7493, I-JSON §2).
Rule 3: integers within ±(2^53 - 1) and no -0; floats only where the caller allows them.
Rule 4: depth is bounded, and a hostile depth is an error, never a crash.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

from yizhan.schemas.errors import YizhanError

MAX_DEPTH = 8
MAX_INTEGER = 2**53 - 1
_MAX_DIGITS = 17


class StrictJsonError(YizhanError, ValueError):
    """The bytes are not JSON in the strict sense above."""


def loads(data: bytes, *, floats: bool = False, nulls: bool = True, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401 -- JSON is any
    """Read one JSON value.

    Args:
        data: the bytes, UTF-8.
        floats: whether numbers with a fraction or exponent are allowed.
        nulls: whether null is allowed; where it is not, what is absent has one spelling.
        max_depth: how many arrays and objects may stand inside one another.

    Raises:
        StrictJsonError: with a sentence that says what was found.

    >>> loads(b'{"a":[1,2]}')
    {'a': [1, 2]}
    >>> loads(b'{"a":1,"a":2}')
    Traceback (most recent call last):
    yizhan.schemas.strictjson.StrictJsonError: the name "a" stands twice in one object
    """
    try:
        text = data.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        raise StrictJsonError(message) from None
    if text.startswith("\ufeff"):
        message = "starts with a byte order mark; send UTF-8 without one"
        raise StrictJsonError(message)
    try:
        value = (_WITH_FLOATS if floats else _WITHOUT_FLOATS).decode(text)
    except RecursionError:
        message = f"nested deeper than {max_depth}"
        raise StrictJsonError(message) from None
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} at character {error.pos}"
        raise StrictJsonError(message) from None
    # Only an escape can bring a lone surrogate, only brackets depth: most text needs no walk.
    if text.count("{") + text.count("[") > max_depth:
        _check_depth(value, max_depth)
    if "\\u" in text:
        _check_texts(value)
    if not nulls and "null" in text:
        _refuse_nulls(value)
    return value


def dumps(value: Any) -> bytes:  # noqa: ANN401 -- JSON is any
    """Write JSON compactly, names sorted, in UTF-8: the same value gives the same bytes.

    >>> dumps({"b": "县", "a": 1}).decode()
    '{"a":1,"b":"县"}'
    """
    return _COMPACT.encode(value).encode("utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                message = f"the name {json.dumps(name[:40])} stands twice in one object"
                raise StrictJsonError(message)
            seen.add(name)
    return result


def _refuse_constant(word: str) -> NoReturn:
    message = f"{word} is not a JSON number"
    raise StrictJsonError(message)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or abs(number := int(digits)) > MAX_INTEGER:
        message = "an integer beyond 2^53 - 1"
        raise StrictJsonError(message)
    if digits == "-0":
        message = "-0, which some readers take for a number of its own; write 0"
        raise StrictJsonError(message)
    return number


def _refuse_float(digits: str) -> NoReturn:
    message = f"{digits[:20]} has a fraction or exponent; only integers are allowed here"
    raise StrictJsonError(message)


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        message = f"{digits[:20]} is too large a number"
        raise StrictJsonError(message)
    return number


def _decoder(parse_float: Callable[[str], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer, parse_float=parse_float
    )


# Made once: json.loads and json.dumps make one for each call.
_WITHOUT_FLOATS: Final = _decoder(_refuse_float)
_WITH_FLOATS: Final = _decoder(_float)
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _check_depth(value: Any, most: int) -> None:  # noqa: ANN401 -- JSON is any
    """Refuse what is nested deeper than ``most``, level by level."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    message = "nested too deeply"
    raise StrictJsonError(message)


def _check_texts(value: Any) -> None:  # noqa: ANN401 -- JSON is any
    """Refuse a lone surrogate; the depth was checked."""
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_texts(name)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


def _refuse_nulls(value: Any) -> None:  # noqa: ANN401 -- JSON is any
    if value is None:
        message = "null; leave out what is absent"
        raise StrictJsonError(message)
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _refuse_nulls(inner)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8", "strict")
    except UnicodeEncodeError:
        message = "a lone surrogate in a string"
        raise StrictJsonError(message) from None
