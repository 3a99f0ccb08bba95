"""The members' agreement as a text that people read and edit: TOML with ``[alliance]`` and ``[policy]``.

    [alliance]
    name = { zh = "…", en = "…" }
    time_zone = "Asia/Shanghai"
    pairs = [["331126", "350924"]]
    members = [ { code = "350924", name = { zh = "…", en = "…" }, province = { zh = "…", en = "…" } } ]
    [policy]
    border_strip_km = 10
    [[policy.routes]]
    id = "fire"
    when = [ { type = ["yizhan.incident.forest_fire.v1"], stage = ["first"] } ]
    then = "alarm"
    because = { zh = "…", en = "…" }
    [thresholds]        # if absent: a majority
    root = 4
    targets = 4

Rule 1: keys are not in it; they come from their holders' requests.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yizhan.charter.contents import Offices, StationOffices, Terms
from yizhan.charter.errors import CeremonyError
from yizhan.charter.layout import ALLIANCE, POLICY, keys_path
from yizhan.charter.requests import Request
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.topics import STATION

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECTIONS = frozenset({"alliance", "policy", "thresholds"})


def read(text: str) -> dict[str, Any]:
    """Parse the text (``CeremonyError`` with the wrong line)."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CeremonyError(f"not TOML: {error}") from None
    if odd := found.keys() - _SECTIONS:
        raise CeremonyError(f"unknown section {', '.join(sorted(odd))}; expected {', '.join(sorted(_SECTIONS))}")
    return found


def write(terms: Terms) -> str:
    """Write a version's content as the text to start the next version from."""
    alliance = json.loads(terms.files[ALLIANCE])
    alliance.pop("station", None)
    policy = json.loads(terms.files[POLICY])
    lines = ["[alliance]", *(f"{name} = {_value(value)}" for name, value in alliance.items()), "", "[policy]"]
    lines += [f"{name} = {_value(value)}" for name, value in policy.items() if name != "routes"]
    for route in policy["routes"]:
        lines += ["", "[[policy.routes]]", *(f"{name} = {_value(value)}" for name, value in route.items())]
    thresholds = {"root": terms.root_threshold, "targets": terms.targets_threshold}
    if any(thresholds.values()):
        lines += ["", "[thresholds]", *(f"{name} = {value}" for name, value in thresholds.items() if value)]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:  # noqa: ANN401 -- any JSON
    """Write a value as TOML; JSON's spelling of a string is valid TOML.

    >>> _value({"zh": "火", "n": [1, True]})
    '{ zh = "火", n = [1, true] }'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def merge_terms(before: Terms | None, proposed: Mapping[str, Any] | None, requests: Iterable[Request]) -> Terms:
    """Make the terms of the next version.

    Args:
        before: content of the version before; None for the first.
        proposed: result of ``read``; None to leave alliance and policy unchanged.
        requests: key requests of offices that are new or change their keys.

    Raises:
        CeremonyError: a member without keys, keys without a member, or a part is missing.
    """
    asked = {request.owner: request for request in requests}
    alliance, policy = _agreed(before, proposed)
    station = asked.pop(STATION, None)
    if station is not None:
        alliance["station"] = dict(station.keys)
    elif before is None:
        raise CeremonyError("the key request of the station is missing; its office must make one")
    codes = [member.get("code") for member in alliance.get("members", [])]
    if strangers := asked.keys() - set(codes):
        raise CeremonyError(
            f"a key request of {', '.join(sorted(strangers))}, which is not a member of the proposed alliance"
        )
    offices: dict[str, Offices] = {}
    files = {ALLIANCE: strictjson.dumps(alliance), POLICY: strictjson.dumps(policy)}
    for code in codes:
        if code in asked:
            offices[code] = asked[code].offices
            files[keys_path(code)] = strictjson.dumps(dict(asked[code].keys))
        elif before is not None and code in before.offices:
            offices[code], files[keys_path(code)] = before.offices[code], before.files[keys_path(code)]
        else:
            message = f"member {code} has made no key request; it must make one"
            raise CeremonyError(message, hint=Action.to("charter.request", county=code))
    roles = before.station if before is not None else StationOffices((), ())
    made = Terms(files, offices, roles if station is None else station.station_offices)
    thresholds = (proposed or {}).get("thresholds", {})
    if proposed is None and before is not None:
        return replace(made, root_threshold=before.root_threshold, targets_threshold=before.targets_threshold)
    return replace(made, root_threshold=thresholds.get("root"), targets_threshold=thresholds.get("targets"))


def _agreed(before: Terms | None, proposed: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return alliance and policy as data: the proposed ones, else those of before."""
    if before is None and (proposed is None or not {"alliance", "policy"} <= proposed.keys()):
        raise CeremonyError("the first version needs [alliance] and [policy]")
    given = proposed or {}
    old_alliance = json.loads(before.files[ALLIANCE]) if before else {}
    old_policy = json.loads(before.files[POLICY]) if before else {}
    alliance = dict(given.get("alliance", old_alliance))
    if "station" in old_alliance:
        alliance.setdefault("station", old_alliance["station"])
    return alliance, dict(given.get("policy", old_policy))
