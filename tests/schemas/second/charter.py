"""Charter (clause 11)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.schemas.second.basics import Invalid, Json
from tests.schemas.second.keys import Key, check_sealing_key, check_signing_key, kid
from tests.schemas.second.names import code, hash_
from tests.schemas.second.policy import PROTOCOL, both_languages, check_routes, policy_shape
from tests.schemas.second.strict import array, instant, is_instant, object_of, strict_json, text, words

if TYPE_CHECKING:
    from collections.abc import Mapping


key_shape = object_of(
    {"kid": hash_, "public": words(0, 4096), "not_before": is_instant},
    {"not_after": is_instant, "revoked": is_instant, "compromised": is_instant},
)
keys_shape = object_of(
    {"county": code, "signing": array(key_shape, 1), "sealing": array(key_shape, 1)},
    {"ladder": array(object_of({"role": words(1, 40), "name": words(1, 40), "phone": words(3, 40)}))},
)
member_shape = object_of({"code": code, "name": both_languages, "province": both_languages})
alliance_shape = object_of({
    "name": both_languages,
    "time_zone": text(r"[A-Za-z_]+(/[A-Za-z_]+)*"), "members": array(member_shape, 2, 1024),
    "pairs": array(array(code, 2, 2)),
    "station": object_of({"postmark": array(key_shape, 1)}, {"ledger": array(key_shape)}),
})  # fmt: skip


@dataclass
class Charter:
    """A charter that loaded."""

    name: str
    routes: list[Json]
    members: set[str]
    signing: dict[str, dict[str, Key]]
    sealing: dict[str, dict[str, Key]]
    postmark: dict[str, Key]


def load_charter(files: Mapping[str, bytes], name: str) -> Charter:
    """Load a version of the charter that is known by a name (11.1 to 11.3)."""
    read = {path: strict_json(content, depth=10) for path, content in files.items() if len(content) <= 1_048_576}
    alliance, policy = read["alliance.json"], read["policy.json"]
    if not alliance_shape(alliance) or not policy_shape(policy):
        raise Invalid("alliance.json or policy.json")
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
    routes = [PROTOCOL, *policy["routes"]]
    check_routes(routes)
    used: set[bytes] = set()
    station = alliance["station"]
    _register(station.get("ledger", []), "sign", used)
    return Charter(
        name=name,
        routes=routes,
        members=set(codes),
        signing={member: _register(read[path]["signing"], "sign", used) for member, path in paths.items()},
        sealing={member: _register(read[path]["sealing"], "seal", used) for member, path in paths.items()},
        postmark=_register(station["postmark"], "sign", used),
    )


def _register(entries: list[Json], role: str, used: set[bytes]) -> dict[str, Key]:
    keys = {}
    for entry in entries:
        public = base64.b64decode(entry["public"], validate=True)
        check_signing_key(public) if role == "sign" else check_sealing_key(public)
        start = instant(entry["not_before"])
        ends = [instant(entry[name]) if name in entry else None for name in ("not_after", "revoked")]
        if (
            base64.b64encode(public).decode() != entry["public"]
            or kid(role, public) != entry["kid"]
            or public in used
            or (ends[0] is not None and ends[0] <= start)
        ):
            raise Invalid("a key")
        used.add(public)
        keys[entry["kid"]] = Key(public, start, *ends)
    return keys
