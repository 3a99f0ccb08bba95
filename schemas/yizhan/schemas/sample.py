"""The sample alliance, for demonstrations and tests: three cross-province pairs that share a border.

The agreement was signed by 寿宁 and 庆元 on 2023-07-25 under the charter of a six-county alliance;
no source we found names all six. The members here are a sample, and every figure that the
agreement does not set is ours.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any

from yizhan.schemas import strictjson
from yizhan.schemas.keys import CosigningPublicKey, SealingPublicKey, SigningPublicKey
from yizhan.schemas.timestamps import written

SIX = ("330327", "331126", "331181", "350722", "350924", "350982")
"""All members of the sample, sorted."""
TWO = ("331126", "350924")
"""庆元 and 寿宁: the two that really signed."""


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """Public keys of one member, one of each kind; it need not cosign."""

    signing: SigningPublicKey
    sealing: SealingPublicKey
    cosigning: CosigningPublicKey | None = None


@dataclass(frozen=True, slots=True)
class LedgerPublicKeys:
    """Public keys of the ledger."""

    signing: Sequence[SigningPublicKey] = field(default=())
    cosigning: Sequence[CosigningPublicKey] = field(default=())


def sample_policy() -> dict[str, Any]:
    """Return ``policy.json`` of the sample as data."""
    return _data("sample-policy.json")


def sample_alliance() -> dict[str, Any]:
    """Return names, members and pairs of the sample as data."""
    return _data("sample-alliance.json")


def sample_ladders() -> dict[str, Any]:
    """Return each sample member's contact ladder as data: duty, second phone, liaison officer, leader. Invented."""
    return _data("sample-ladders.json")


def charter_files(
    members: Mapping[str, MemberKeys],
    postmark: Sequence[SigningPublicKey],
    *,
    not_before: datetime,
    policy: Mapping[str, Any] | None = None,
    ledger: LedgerPublicKeys | None = None,
) -> dict[str, bytes]:
    """Write the files of a charter for some of the sample's members.

    Args:
        members: code → public keys.
        postmark: the station's keys.
        not_before: instant from which the keys hold.
        policy: ``policy.json`` as data; the sample's if None.
        ledger: the ledger's keys; none if None.

    Returns:
        Relative path → bytes, as ``load_charter`` takes them.
    """
    since, ladders = written(not_before), sample_ladders()
    alliance = restricted_to(sample_alliance(), members.keys())
    lists: dict[str, Sequence[SigningPublicKey | CosigningPublicKey]] = {"postmark": postmark}
    if ledger is not None:
        lists |= {"ledger": ledger.signing, "ledger_mldsa": ledger.cosigning}
    alliance |= {"station": {name: [_entry(key, since) for key in keys] for name, keys in lists.items()}}
    counties = {
        f"counties/{code}/keys.json": {
            "county": code,
            "signing": [_entry(keys.signing, since)],
            "sealing": [_entry(keys.sealing, since)],
            "ladder": ladders[code],
            **({} if keys.cosigning is None else {"cosigning": [_entry(keys.cosigning, since)]}),
        }
        for code, keys in members.items()
    }
    content = {"alliance.json": alliance, "policy.json": policy or sample_policy(), **counties}
    return {path: strictjson.dumps(value) for path, value in content.items()}


def restricted_to(alliance: dict[str, Any], codes: Collection[str]) -> dict[str, Any]:
    """Cut an alliance down to some of its members."""
    return alliance | {
        "members": [member for member in alliance["members"] if member["code"] in codes],
        "pairs": [pair for pair in alliance["pairs"] if set(pair) <= set(codes)],
    }


def _entry(key: SigningPublicKey | SealingPublicKey | CosigningPublicKey, since: str) -> dict[str, str]:
    return {"kid": key.kid, "public": base64.b64encode(key.raw).decode(), "not_before": since}


def _data(name: str) -> dict[str, Any]:
    text = files("yizhan.schemas").joinpath("data").joinpath(name).read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return] # our own file
