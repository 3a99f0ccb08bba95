"""An office's key request: what it wants registered in the charter, with proof that it holds the keys.

Rule 1: what the offices would refuse when they meet is refused here, where it can be mended.
"""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError
from securesystemslib.signer import CryptoSigner

from yizhan.charter import requests, rolekeys
from yizhan.charter.errors import CharterProblem
from yizhan.charter.reader import CharterReader
from yizhan.charter.requests import Request
from yizhan.runtime.clock import utc_now
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charter
from yizhan.schemas.charter_files import Officer
from yizhan.schemas.errors import NotFound
from yizhan.schemas.header import ContractModel
from yizhan.schemas.i18n import Sentence, join_list, marked
from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.timestamps import written
from yizhan.schemas.topics import STATION
from yizhan.services.charter import public_folder, published, reader_folder, roles_folder
from yizhan.services.errors import NoKey, ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, key_files, load_key

_NO_LADDER: Final = marked(
    "{path}：应为联络人名单（TOML，每人一段 [[ladder]]，写 role、name、phone，依次为值班、第二电话、联络员、领导），"
    "得到 {got}"
)


class _Ladder(ContractModel):
    ladder: Annotated[tuple[Officer, ...], Field(strict=False)]


@dataclass(frozen=True, slots=True)
class KeyRequestOptions:
    """What a key request changes. Kids may be given by their first digits.

    ``since`` is from when new keys hold, ``until`` when those of ``retired`` end (None: now), ``compromised`` from
    when those of ``revoked`` may be known to others. ``ladder`` replaces the county's contacts unless it is None.
    ``new_roles`` are the offices whose role key is made anew.
    """

    scheme: rolekeys.Scheme
    ladder: Sequence[Mapping[str, str]] | None = None
    new_roles: Sequence[str] = ()
    since: datetime | None = None
    retired: Sequence[str] = ()
    until: datetime | None = None
    revoked: Sequence[str] = ()
    compromised: datetime | None = None


def make_request(
    home: Home, owner: str, options: KeyRequestOptions, passphrases: PassphraseSource
) -> tuple[bytes, Request]:
    """Make an office's key request: what is registered, with its new ends, and the key files that are not.

    Args:
        home: whose key files are read; role keys that are missing are made.
        owner: a county's code, or ``station``.
        options: what changes.
        passphrases: of the key files.

    Returns:
        The file's bytes, and what they say.

    Raises:
        ServiceError: a county has nobody to be called, or an option changes nothing.
        NotFound: a key that is to end is not registered.
        NoKey: an office has no key of events.
        KeyFileInvalid: a key file must not be used.
    """
    now = utc_now()
    keys = _registered_keys(_known_charter(home, owner), owner)
    _check_options(owner, keys, options)
    _end_keys(keys, options, now)
    fresh = _unregistered(home, owner, keys, passphrases, options.since or now)
    if options.ladder is not None:
        keys["ladder"] = list(options.ladder)
    roles = {
        office: [_role(home, owner, office, options.scheme, passphrases, new=office in options.new_roles)]
        for office in _offices(owner)
    }
    data = requests.make(owner, roles, keys, fresh, now)
    return data, requests.read(data, registered_kids(home, owner))


def _offices(owner: str) -> Sequence[str]:
    return requests.STATION_OFFICES if owner == STATION else requests.COUNTY_OFFICES


def _check_options(owner: str, keys: Mapping[str, Any], options: KeyRequestOptions) -> None:
    """Refuse what the offices would find only when they meet, or what would be left out without a word."""
    if owner == STATION and options.ladder is not None:
        raise ServiceError(marked("驿站没有联络人名单；--ladder 只用于县的申请"))
    if owner != STATION and not (keys.get("ladder") if options.ladder is None else options.ladder):
        sentence = marked(
            "{owner} 的联络人名单是空的：应至少有一人，报警和催办才有人可找；请写成文件，用 --ladder 给出"
        )
        raise ServiceError(sentence, owner=owner, hint=Action.to("charter.request_ladder", county=owner))
    for office in options.new_roles:
        if office not in _offices(owner):
            sentence = marked("--new-role 应为 {known} 之一，得到 {office}")
            raise ServiceError(sentence, known=join_list(_offices(owner)), office=office)
    for given, needs, needed in (
        (options.until, options.retired, ("--until", "--retire")),
        (options.compromised, options.revoked, ("--compromised", "--revoke")),
    ):
        if given is not None and not needs:
            raise ServiceError(
                marked("{option} 要与 {needed} 一起用，单独用不改变什么"), option=needed[0], needed=needed[1]
            )


def read_ladder(path: Path) -> tuple[Mapping[str, str], ...]:
    """Read who is called, and in which order: TOML with ``[[ladder]]`` role, name, phone.

    Raises:
        ServiceError: it is no such file; every fault is listed, and what was expected.
        OSError: it cannot be read.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        odd = found.keys() - {"ladder"}
        if odd or not found.get("ladder"):
            got = join_list(sorted(found)) or marked("空文件")
            raise ServiceError(_NO_LADDER, path=path, got=Sentence.of(got))
        ladder = _Ladder.model_validate(found).ladder
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        unreadable = Sentence.of(marked("不可读的文件：{error}"), error=error)
        raise ServiceError(_NO_LADDER, path=path, got=unreadable) from None
    except ValidationError as error:
        raise ServiceError("\n".join(f"{path}: {where}: {fault}" for where, fault in faults(error))) from None
    return tuple(each.model_dump() for each in ladder)


def _end_keys(keys: dict[str, Any], options: KeyRequestOptions, now: datetime) -> None:
    """Enter when retired and revoked keys end."""
    ends = {kid: {"not_after": written(options.until or now)} for kid in options.retired}
    compromised = {} if options.compromised is None else {"compromised": written(options.compromised)}
    ends |= {kid: {"revoked": written(now), **compromised} for kid in options.revoked}
    for short, end in ends.items():
        found = [entry for entry in _entries(keys) if entry["kid"].startswith(short)]
        if len(found) != 1:
            raise NotFound(marked("没有登记这样的密钥：{kid}"), kid=short)
        found[0].update(end)


def _known_charter(home: Home, owner: str) -> Charter | None:
    folder = reader_folder(home, None if owner == STATION else owner)
    return home.reader(folder).latest() if (folder / "root.json").is_file() else None


def registered_kids(home: Home, owner: str) -> set[str]:
    """Return the kids that the charter names for an owner already."""
    reader = newest_reader(home, None) or (None if owner == STATION else newest_reader(home, owner))
    if reader is None:
        return set()
    charter = reader.latest()
    if owner == STATION:
        return {*charter.postmark, *charter.ledger, *charter.ledger_mldsa}
    return {*charter.signing.get(owner, {}), *charter.cosigning.get(owner, {})}


def _registered_keys(charter: Charter | None, owner: str) -> dict[str, Any]:
    """Return what the charter says of an owner's keys, to be changed."""
    if owner == STATION:
        found = charter.alliance.station.model_dump(mode="json", exclude_none=True) if charter else {"postmark": []}
        return {name: entries for name, entries in found.items() if entries or name == "postmark"}
    if charter is None or owner not in charter.counties:
        return {"county": owner, "signing": [], "sealing": []}
    content: dict[str, Any] = json.loads(charter.counties[owner].content)
    return content


def _entries(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every key entry; a county's ladder is none."""
    lists = [entries for name, entries in keys.items() if name not in {"county", "ladder"}]
    return [entry for entries in lists for entry in entries]


def _unregistered(
    home: Home, owner: str, keys: dict[str, Any], passphrases: PassphraseSource, since: datetime
) -> list[SigningKey | CosigningKey]:
    """Enter the key files that no charter names yet; return those that can sign, to prove that they are held."""
    folders = {home.county_folder(owner) / "keys": {"sign": "signing", "seal": "sealing", "cosign": "cosigning"}}
    if owner == STATION:
        folders = {
            home.path / STATION / "keys": {"sign": "postmark"},
            home.path / "ledger" / "keys": {"sign": "ledger", "cosign": "ledger_mldsa"},
        }
    known = {entry["kid"]: None for entry in _entries(keys)}
    fresh: list[SigningKey | CosigningKey] = []
    for folder, names in folders.items():
        for file in key_files(folder, known):
            if file.kid in known or file.role not in names:
                continue
            key = load_key(file, passphrases)
            public = base64.b64encode(key.public.raw).decode()
            keys.setdefault(names[file.role], []).append(
                {"kid": key.kid, "public": public, "not_before": written(since)}
            )
            if not isinstance(key, SealingKey):
                fresh.append(key)
    if not all(keys[name] for name in ("postmark", "signing", "sealing") if name in keys):
        hint = Action.to("keys.generate_station") if owner == STATION else Action.to("keys.generate", county=owner)
        raise NoKey(marked("{folder} 里缺签名或封装密钥"), folder=next(iter(folders)), hint=hint)
    return fresh


def _role(
    home: Home, owner: str, office: str, scheme: rolekeys.Scheme, passphrases: PassphraseSource, *, new: bool
) -> CryptoSigner:
    """Return an office's role key: the one that is there, the newest of several, or a new one."""
    folder = roles_folder(home, owner)
    files = sorted(folder.glob(f"{office}-*.pem"), key=lambda path: path.stat().st_mtime_ns)
    if files and not new:
        locked = b"ENCRYPTED" in files[-1].read_bytes()[:200]
        return rolekeys.load(files[-1], passphrases.passphrase(files[-1]) if locked else None)
    made = rolekeys.generate(scheme)
    rolekeys.save(made, folder, office, passphrases.new(ask=False))
    return made


def newest_reader(home: Home, county: str | None) -> CharterReader | None:
    """Open the reader of a county (None: the station) with what the station of this home has published.

    Raises:
        ServiceError: what is published must not be adopted.
    """
    folder = reader_folder(home, county)
    if not (folder / "root.json").is_file():
        return None
    source = published(home) if public_folder(home).is_dir() else None
    reader = home.reader(folder, source)
    if source is not None:
        try:
            reader.update()
        except CharterProblem as error:
            raise ServiceError(str(error)) from None
    return reader
