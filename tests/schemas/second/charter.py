"""Charter (clause 11)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.schemas.second.basics import Invalid, Json, decode_base64
from tests.schemas.second.keys import Key, check_key, kid
from tests.schemas.second.names import code, hash_
from tests.schemas.second.obligations import check_obligations, obligation_shape
from tests.schemas.second.policy import PROTOCOL, both_languages, check_routes, route_shape
from tests.schemas.second.strict import array, compact, instant, is_instant, number, object_of, strict_json, text, words

if TYPE_CHECKING:
    from collections.abc import Mapping


key_shape = object_of(
    {"kid": hash_, "public": words(0, 4096), "not_before": is_instant},
    {"not_after": is_instant, "revoked": is_instant, "compromised": is_instant},
)
keys_shape = object_of(
    {"county": code, "signing": array(key_shape, 1), "sealing": array(key_shape, 1)},
    {
        "cosigning": array(key_shape),
        "ladder": array(object_of({"role": words(1, 40), "name": words(1, 40), "phone": words(3, 40)})),
    },
)
member_shape = object_of({"code": code, "name": both_languages, "province": both_languages})
alliance_shape = object_of({
    "name": both_languages,
    "time_zone": text(r"[A-Za-z_]+(/[A-Za-z_]+)*"), "members": array(member_shape, 2, 1024),
    "pairs": array(array(code, 2, 2)),
    "station": object_of(
        {"postmark": array(key_shape, 1)}, {"ledger": array(key_shape), "ledger_mldsa": array(key_shape)}
    ),
}, {"log": text(r"[!-*,-~]{1,128}"), "quorum": number(1, 1024)})  # fmt: skip
policy_shape = object_of(
    {"border_strip_km": number(0, 200), "routes": array(route_shape, 1, 64)},
    {"obligations": array(obligation_shape, 0, 64)},
)


@dataclass
class Charter:
    """A charter that loaded."""

    name: str
    routes: list[Json]
    members: set[str]
    signing: dict[str, dict[str, Key]]
    sealing: dict[str, dict[str, Key]]
    postmark: dict[str, Key]
    cosigning: dict[str, dict[str, Key]]
    ledger: dict[str, Key]
    ledger_mldsa: dict[str, Key]
    log: str
    quorum: int
    obligations: list[Json]
    zone: ZoneInfo


Versions = list[tuple[datetime, Charter]]
"""Versions that were announced, each with the instant from which it holds, rising."""


def in_force(versions: Versions, at: datetime) -> Charter:
    """Find the version in force at an instant (11.5)."""
    return next((charter for holds_from, charter in reversed(versions) if holds_from <= at), versions[0][1])


def load_charter(files: Mapping[str, bytes], name: str) -> Charter:
    """Load a version of the charter that is known by a name (11.1 to 11.3)."""
    read = {path: strict_json(content, depth=10) for path, content in files.items() if len(content) <= 1_048_576}
    if read.keys() != files.keys() or not {"alliance.json", "policy.json"} <= read.keys():
        raise Invalid("a file that is missing or too long")
    alliance, policy = read["alliance.json"], read["policy.json"]
    if not alliance_shape(alliance) or not policy_shape(policy):
        raise Invalid("alliance.json or policy.json")
    try:
        ZoneInfo(alliance["time_zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("time_zone") from None
    codes = [member["code"] for member in alliance["members"]]
    paths = {member: f"counties/{member}/keys.json" for member in codes}
    pairs = [frozenset(pair) for pair in alliance["pairs"]]
    if (
        len(paths) != len(codes)
        or files.keys() != {"alliance.json", "policy.json", *paths.values()}
        or not all(keys_shape(read[path]) and read[path]["county"] == member for member, path in paths.items())
        or not all(len(pair) == 2 and pair <= set(codes) for pair in pairs)
        or len(set(pairs)) != len(pairs)
    ):
        raise Invalid("members, pairs or files")
    if alliance.get("quorum", 1) > len(codes):
        raise Invalid("quorum")
    routes, obligations = [PROTOCOL, *policy["routes"]], policy.get("obligations", [])
    _check_routes(compact(routes))
    check_obligations(obligations)
    if any(each.get("reminders") for each in obligations) and not all(
        read[path].get("ladder") for path in paths.values()
    ):
        raise Invalid("nobody on a ladder")
    used: set[bytes] = set()
    station = alliance["station"]
    return Charter(
        name=name,
        routes=routes,
        members=set(codes),
        signing={member: _register(read[path]["signing"], "sign", used) for member, path in paths.items()},
        sealing={member: _register(read[path]["sealing"], "seal", used) for member, path in paths.items()},
        postmark=_register(station["postmark"], "sign", used),
        cosigning={
            member: _register(read[path].get("cosigning", []), "cosign", used) for member, path in paths.items()
        },
        ledger=_register(station.get("ledger", []), "sign", used),
        ledger_mldsa=_register(station.get("ledger_mldsa", []), "cosign", used),
        log=alliance.get("log", "yizhan/ledger"),
        quorum=alliance.get("quorum", len(codes) // 2 + 1),
        obligations=obligations,
        zone=ZoneInfo(alliance["time_zone"]),
    )


@cache
def _check_routes(routes: bytes) -> None:
    """Refuse what 10.6 refuses; one table is looked at once."""
    check_routes(json.loads(routes))


def _register(entries: list[Json], role: str, used: set[bytes]) -> dict[str, Key]:
    keys = {}
    for entry in entries:
        public = decode_base64(entry["public"])
        check_key(role, public)
        start = instant(entry["not_before"])
        ends = [instant(entry[name]) if name in entry else None for name in ("not_after", "revoked", "compromised")]
        if kid(role, public) != entry["kid"] or public in used or (ends[0] is not None and ends[0] <= start):
            raise Invalid("a key")
        used.add(public)
        keys[entry["kid"]] = Key(public, start, *ends)
    return keys
