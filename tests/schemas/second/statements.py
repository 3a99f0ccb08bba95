"""Statements of the station (clause 12): reading one, and the postmark of an admitted record."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.schemas.second.basics import Invalid, Json, decode_base64, sha256
from tests.schemas.second.charter import in_force
from tests.schemas.second.envelope import pae
from tests.schemas.second.keys import kid
from tests.schemas.second.names import charter_name, code, event_id, hash_, is_period, ref
from tests.schemas.second.policy import ROUTE_ID
from tests.schemas.second.strict import (
    array,
    compact,
    instant,
    is_instant,
    map_of,
    number,
    object_of,
    one_of,
    strict_json,
    text,
    words,
    written,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.schemas.second.admission import Admitted
    from tests.schemas.second.charter import Charter, Versions


TYPE = "application/vnd.yizhan."
REASONS = [
    "malformed", "oversize", "unknown_suite", "unknown_key", "key_not_valid", "key_revoked", "bad_signature",
    "wrong_topic", "not_a_member", "bad_audience", "bad_reference", "future_dated",
]  # fmt: skip
statement_shape = object_of({
    "payload": words(0, 524_288), "payloadType": words(1, 100),
    "signatures": array(object_of({"keyid": hash_, "sig": words(1, 100)}), 1, 1),
})  # fmt: skip


def is_behind(header: Json, newest: Charter) -> bool:
    """Return whether a header names a newer charter than the newest that the station knows (12.4)."""
    return int(header["charter"].partition("-")[0]) > int(newest.name.partition("-")[0])


def postmark(
    admitted: Admitted, value: bytes, origin: Json, received: datetime, charter: Charter, seed: bytes
) -> bytes:
    """Stamp an admitted record as ``v1`` (12.1, 12.4), as a station that knows no newer version than this charter."""
    said: Json = {
        "record_sha256": sha256(value).hex(),
        "origin": origin,
        "received": written(received),
        "charter": charter.name,
        "id": admitted.header["id"],
        "hash": admitted.hash.hex(),
        "decisions": admitted.decisions,
    }
    if admitted.clock_suspect:
        said["clock_suspect"] = True
    if is_behind(admitted.header, charter):
        said["charter_behind"] = True
    kind, payload = f"{TYPE}postmark.v1+json", compact(said)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return _document(kind, payload, kid("sign", key.public_key().public_bytes_raw()), key.sign(pae(kind, payload)))


def _document(kind: str, payload: bytes, keyid: str, signature: bytes) -> bytes:
    return compact(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
        }
    )


# The tables of 12.4 to 12.7


def _is_true(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    return value is True


def _is_second_postmark(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    return "refused" not in value and _is_postmark(value)


def _is_postmark(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    if "refused" in value:
        before = value.get("first", -1) < value["origin"]["offset"]
        return before and not value.keys() & {"id", "hash", "decisions", "clock_suspect", "charter_behind"}
    return value.keys() >= {"id", "hash", "decisions"} and not value.keys() & {"detail", "first"}


def _is_manifest(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    start, end, count, prompt = (value[name] for name in ("start", "end", "count", "prompt"))
    empty = value["root"] == sha256(b"").hex()
    return bool(start <= end and prompt <= count <= end - start) and empty == (count == 0)


def _is_adoption(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    return instant(value["holds_from"]) > instant(value["adopted"])


def _is_followup(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    step, by = value["step"], "by" in value
    needs, may = step in {"discharged", "not-owed"}, step == "cancelled"
    return bool(value.keys() & {"about", "period"}) and (by == needs or (by and may))


rule_id = text(ROUTE_ID)
origin = object_of({"cluster": words(1, 64), "topic": words(1, 249), "partition": number(0), "offset": number(0)})
decided = object_of({"way": one_of("alarm", "notice", "digest"), "rule": rule_id})
obligation = text(r"[a-z0-9][a-zA-Z0-9./_-]{1,200}")
owing = {"rule": rule_id, "owes": array(code, 1, 64), "owed": array(code, 0, 64), "due": is_instant}
about_what = {"about": ref, "thread": event_id, "period": is_period}
_opens = object_of(owing, {**about_what, "obligation": obligation})
_ends = object_of(
    {**owing, "obligation": obligation, "opened": is_instant, "step": one_of("discharged", "cancelled", "not-owed")},
    about_what,
)


def _is_opens(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    return _opens(value) and ("period" not in value or "obligation" in value)


def _is_ends(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    return _ends(value) and bool(value.keys() & {"about", "period"})


_always = {"record_sha256": hash_, "origin": origin, "received": is_instant, "charter": charter_name}
_of_postmarks = {
    "id": event_id, "hash": hash_, "decisions": map_of(code, decided, 64),
    "clock_suspect": _is_true, "charter_behind": _is_true, "charter_stale": _is_true,
    "refused": one_of(*REASONS), "detail": words(0, 1000), "first": number(0),
}  # fmt: skip
SHAPES: dict[str, tuple[Callable[[Any], bool], Callable[[Any], bool], str]] = {
    "postmark.v1": (object_of(_always, _of_postmarks), _is_postmark, "received"),
    "postmark.v2": (
        object_of({**_always, "opens": array(_is_opens, 0, 128), "ends": array(_is_ends, 0, 128)}, _of_postmarks),
        _is_second_postmark,
        "received",
    ),
    "manifest.v1": (
        object_of(
            {
                "county": code, "label": text(r"2[01][0-9]{2}Q[1-4]"), "interim": lambda value: isinstance(value, bool),
                "start": number(0), "end": number(0), "count": number(0), "prompt": number(0), "root": hash_,
                "charter": charter_name, "cluster": words(1, 64), "closed": is_instant,
            },
            {"previous": hash_},
        ),
        _is_manifest,
        "closed",
    ),
    "adoption.v1": (
        object_of({"charter": charter_name, "holds_from": is_instant, "adopted": is_instant}), _is_adoption, "adopted",
    ),
    "followup.v1": (
        object_of(
            {
                **owing, "obligation": obligation, "step": rule_id, "opened": is_instant, "at": is_instant,
                "charter": charter_name,
            },
            {
                **about_what, "by": ref, "to_whom": one_of("duty", "second", "liaison", "leader"),
            },
        ),
        _is_followup,
        "at",
    ),
}  # fmt: skip
"""Kind → shape, what its table says beside, the attribute that is its instant (12.2)."""


def read_statement(kind: str, document: bytes, versions: Versions) -> tuple[Json, bytes]:
    """Read a statement; return payload and hash (12.1, 12.2)."""
    if len(document) > 524_288:
        raise Invalid("too long")
    said = strict_json(document)
    if not statement_shape(said) or said["payloadType"] != kind:
        raise Invalid("no statement of this kind")
    payload, keyid = decode_base64(said["payload"]), said["signatures"][0]["keyid"]
    signature = decode_base64(said["signatures"][0]["sig"])
    if _document(said["payloadType"], payload, keyid, signature) != document:
        raise Invalid("not compact")
    value = strict_json(payload)
    shape, rest, dated = SHAPES[kind.removeprefix(TYPE).removesuffix("+json")]
    if not shape(value) or not rest(value) or compact(value) != payload:
        raise Invalid("payload")
    at = instant(value[dated])
    charter = versions[-1][1] if dated == "adopted" else in_force(versions, at)
    key = charter.postmark.get(keyid)
    if key is None or not key.holds(at):
        raise Invalid("key")
    signed = pae(kind, payload)
    if not key.verifies(signature, signed):
        raise Invalid("signature")
    return value, sha256(signed)
