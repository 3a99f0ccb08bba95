"""Names (clause 3) and the header (clause 7, receipts 9.4)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from tests.schemas.second.basics import Invalid, Json, Refused
from tests.schemas.second.strict import array, is_instant, map_of, number, object_of, one_of, strict_json, text

CODE = r"[0-9]{6}"
SOURCE = CODE + r"(?:\.[a-z0-9-]{1,32})?"
BOOK = r"[a-z0-9]{4,20}"
ID = rf"({SOURCE})-({BOOK})-([1-9][0-9]{{0,14}})"
code, source, book, event_id = text(CODE), text(SOURCE), text(BOOK), text(ID, 80)
is_period = text(r"2[01][0-9]{2}(?:-(?:0[1-9]|1[0-2])|Q[1-4])?")
hash_, charter_name = text(r"[0-9a-f]{64}"), text(r"[1-9][0-9]{0,8}-[0-9a-f]{16}")
event_type = text(r"yizhan(\.[a-z][a-z0-9_]{0,31}){1,3}\.v[1-9][0-9]?", 120)
RECEIPT, NOTICE = "yizhan.receipt.v1", "yizhan.notice.v1"


def source_of(name: str) -> str:
    """Take the source off an event id (3.1)."""
    match = re.fullmatch(ID, name)
    if match is None:
        raise Invalid(name)
    return match[1]


# 7 Header, 9.4 receipts

ref = object_of({"id": event_id, "hash": hash_})
lane_name = one_of("prompt", "digest")
delivered = object_of(
    {"stage": one_of("delivered"), "source": source, "book": book, "lane": lane_name, "up_to": number(0)},
    {"beyond": array(number(1), 0, 64)},
)
confirmed = object_of(
    {"stage": one_of("unopenable", "fetched", "unfetched", "acknowledged", "acted", "declined"), "event": ref}
)


def is_receipt(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    """Tell one of the two shapes of 9.4."""
    if delivered(value):
        return all(left < right for left, right in pairwise([value["up_to"] + 1, *value.get("beyond", [])]))
    return confirmed(value)


header_shape = object_of(
    {
        "specversion": one_of("1.0"), "source": source, "id": event_id, "type": event_type, "time": is_instant,
        "kid": hash_, "to": array(code, 0, 64), "charter": charter_name, "status": one_of("Actual", "Exercise", "Test"),
        "lanes": map_of(code, object_of({"lane": lane_name, "n": number(1)}), 64),
        "priority": one_of("flash", "urgent", "routine"),
    },
    {
        "subject": event_id, "grade": number(1, 4), "touches": array(code, 0, 64), "expires": is_instant,
        "certainty": one_of("Observed", "Likely", "Possible", "Unlikely", "Unknown"),
        "stage": one_of("first", "update", "final"), "worse": lambda value: isinstance(value, bool),
        "reply_to": ref, "supersedes": ref, "withdraws": ref, "receipt": is_receipt,
        "wants": one_of("feedback", "identity", "identity-far", "assistance", "countersign"), "period": is_period,
    },
)  # fmt: skip


def read_header(data: bytes) -> Json:
    """Read a header (7.1, 7.2)."""
    try:
        header: Json = strict_json(data)
    except Invalid:
        raise Refused("malformed") from None
    if (
        not header_shape(header)
        or source_of(header["id"]) != header["source"]
        or (header["type"] == RECEIPT) != ("receipt" in header)
    ):
        raise Refused("malformed")
    return header
