"""The payloads: one table says which types there are and what each may hold.

Rule 1: a type is one file with its model and one row in ``TYPES``; nothing else knows its name.
Rule 2: senders are strict (``parse_strict``); readers lose nothing (``read``): unknown fields are
        kept, an unknown type or a wrong value is shown as it came. An older partner never loses a fire.
Rule 3: the bytes of a payload are compact UTF-8 JSON, names sorted, absent fields left out.
"""

from __future__ import annotations

from yizhan.schemas.payloads.base import Payload
from yizhan.schemas.payloads.codec import encode, json_schemas, parse_strict
from yizhan.schemas.payloads.reading import ReadPayload, Shown, lines, read
from yizhan.schemas.payloads.table import TYPES, PayloadType

__all__ = [
    "TYPES",
    "Payload",
    "PayloadType",
    "ReadPayload",
    "Shown",
    "encode",
    "json_schemas",
    "lines",
    "parse_strict",
    "read",
]
