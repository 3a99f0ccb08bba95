"""Makes a charter of its files, or says what is wrong with them.

Rule 1: a charter with anything doubtful in it does not load; the last good one stays in force.
Rule 2: one key has one owner and one role in the whole charter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError

from yizhan.schemas import strictjson
from yizhan.schemas.charter import Charter, CountyKeys, RegisteredKey
from yizhan.schemas.charter_files import MAX_FILE_BYTES, MAX_MEMBERS, AllianceFile, KeyEntry, KeysFile, Member
from yizhan.schemas.dsse import decode_base64
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.keys import CosigningPublicKey, SealingPublicKey, SigningPublicKey
from yizhan.schemas.policy import Policy, PolicyFile
from yizhan.schemas.timestamps import instant

_Model = TypeVar("_Model", bound=BaseModel)
_KeyClass = TypeVar("_KeyClass", SigningPublicKey, SealingPublicKey, CosigningPublicKey)


def charter_name(version: int, snapshot: bytes) -> str:
    """Name a version: the number of its signed list of files, and 16 hex digits of that list's SHA-256.

    >>> charter_name(3, b"{}")
    '3-44136fa355b3678a'
    """
    return f"{version}-{hashlib.sha256(snapshot).hexdigest()[:16]}"


def load_charter(files: Mapping[str, bytes], name: str, holds_from: datetime) -> Charter:
    """Check the three kinds of file and make a charter of them.

    The same bytes of a policy or of a county's keys are checked once in a process.

    Args:
        files: relative path → bytes.
        name: of the version, see ``charter_name``.
        holds_from: instant from which it holds.

    Raises:
        CharterInvalid: with the file, what was expected and what it has.
    """
    alliance = _read("alliance.json", _content(files, "alliance.json"), AllianceFile)
    policy = _check_policy(_content(files, "policy.json"))
    members = {member.code: member for member in alliance.members}
    if len(members) != len(alliance.members):
        message = "alliance.json: two members with one code"
        raise CharterInvalid(message)
    _check_alliance(alliance, members)
    expected = {f"counties/{code}/keys.json" for code in members} | {"alliance.json", "policy.json"}
    if files.keys() != expected:
        odd = ", ".join(sorted(ascii(path)[1:-1] for path in files.keys() ^ expected))
        message = f"expected one keys.json a member and nothing else; missing or too many: {odd}"
        raise CharterInvalid(message)
    keys = {code: check_keys(code, files[f"counties/{code}/keys.json"]) for code in members}
    _check_ladders(policy, keys)
    used: set[bytes] = set()
    for code, checked in keys.items():
        if used & checked.raw:
            message = f"a key of {code} is registered twice; one key, one owner, one role"
            raise CharterInvalid(message)
        used |= checked.raw
    return Charter(
        name=name,
        holds_from=holds_from,
        alliance=alliance,
        policy=policy,
        members=members,
        signing={code: checked.signing for code, checked in keys.items()},
        sealing={code: checked.sealing for code, checked in keys.items()},
        postmark=_keys("the station", alliance.station.postmark, SigningPublicKey, used),
        ledger=_keys("the ledger", alliance.station.ledger, SigningPublicKey, used),
        ledger_mldsa=_keys("the ledger", alliance.station.ledger_mldsa, CosigningPublicKey, used),
        cosigning={code: checked.cosigning for code, checked in keys.items()},
        ladders={code: checked.ladder for code, checked in keys.items()},
        counties=keys,
    )


@lru_cache(maxsize=2 * MAX_MEMBERS)
def check_keys(code: str, content: bytes) -> CountyKeys:
    """Check the bytes of one ``counties/<code>/keys.json`` by themselves: once, so nobody may change the answer.

    Raises:
        CharterInvalid: with what was expected and what it has.
    """
    path = f"counties/{code}/keys.json"
    file = _read(path, content, KeysFile)
    if file.county != code:
        message = f"{path} says it is of {file.county}"
        raise CharterInvalid(message)
    used: set[bytes] = set()
    return CountyKeys(
        content=content,
        signing=MappingProxyType(_keys(code, file.signing, SigningPublicKey, used)),
        sealing=MappingProxyType(_keys(code, file.sealing, SealingPublicKey, used)),
        cosigning=MappingProxyType(_keys(code, file.cosigning, CosigningPublicKey, used)),
        ladder=file.ladder,
        raw=frozenset(used),
    )


def _check_ladders(policy: Policy, keys: Mapping[str, CountyKeys]) -> None:
    ringing = [each.id for each in policy.obligations.values() if each.reminders]
    for code, checked in keys.items():
        if ringing and not checked.ladder:
            message = (
                f"counties/{code}/keys.json: expected at least one person in ladder, got none; obligations such as "
                f"{ringing[0]} remind them: name duty phone, second phone, liaison officer and leader, in this order"
            )
            raise CharterInvalid(message)


def _check_alliance(alliance: AllianceFile, members: Mapping[str, Member]) -> None:
    for pair in alliance.pairs:
        if len(set(pair)) != len(pair) or not set(pair) <= members.keys():
            message = f"alliance.json: pair {'-'.join(pair)} must name two different members"
            raise CharterInvalid(message)
    if len({frozenset(pair) for pair in alliance.pairs}) != len(alliance.pairs):
        message = "alliance.json: a pair is named twice"
        raise CharterInvalid(message)
    if (alliance.quorum or 1) > len(members):
        message = f"alliance.json: a quorum of {alliance.quorum} can never be reached by {len(members)} members"
        raise CharterInvalid(message)
    try:
        ZoneInfo(alliance.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"alliance.json: expected the IANA name of a time zone, got {alliance.time_zone}"
        raise CharterInvalid(message) from None


@lru_cache(maxsize=8)
def _check_policy(content: bytes) -> Policy:
    return Policy(_read("policy.json", content, PolicyFile))


def _content(files: Mapping[str, bytes], path: str) -> bytes:
    try:
        return files[path]
    except KeyError:
        message = f"{path} is missing from the charter"
        raise CharterInvalid(message) from None


def _read(path: str, content: bytes, model: type[_Model]) -> _Model:
    if len(content) > MAX_FILE_BYTES:
        message = f"{path} has {len(content)} bytes; at most {MAX_FILE_BYTES} are read"
        raise CharterInvalid(message)
    try:
        value: Any = strictjson.loads(content, nulls=False, max_depth=10)
        return model.model_validate(value)
    except strictjson.StrictJsonError as error:
        message = f"{path}: {error}"
        raise CharterInvalid(message) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ascii(".".join(map(str, first["loc"])))[1:-1]
        message = f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s) in all)"
        raise CharterInvalid(message) from None


def _keys(
    owner: str, entries: Iterable[KeyEntry], kind: type[_KeyClass], used: set[bytes]
) -> dict[str, RegisteredKey[_KeyClass]]:
    registered: dict[str, RegisteredKey[_KeyClass]] = {}
    for entry in entries:
        try:
            key = kind(decode_base64(entry.public))
        except ValueError as error:
            message = f"key {entry.kid[:16]}… of {owner}: {error}"
            raise CharterInvalid(message) from None
        if key.kid != entry.kid:
            message = f"key {entry.kid[:16]}… of {owner}: its bytes give the kid {key.kid[:16]}…"
            raise CharterInvalid(message)
        if key.raw in used:
            message = f"key {entry.kid[:16]}… of {owner} is registered twice; one key, one owner, one role"
            raise CharterInvalid(message)
        used.add(key.raw)
        until = (entry.not_after, entry.revoked, entry.compromised)
        not_after, revoked, compromised = (None if text is None else instant(text) for text in until)
        not_before = instant(entry.not_before)
        if not_after is not None and not_after <= not_before:
            message = f"key {entry.kid[:16]}… of {owner} never holds: not_after is not after not_before"
            raise CharterInvalid(message)
        registered[key.kid] = RegisteredKey(key, not_before, not_after, revoked, compromised)
    return registered
