"""A county becomes a member, or renews its keys: one command a side, run again and again; it does what is next.

::

    STICK/requests/C.json       the county's key request (public keys, proofs)
    STICK/certificates/C.json   its request for a certificate, signed with its signing key
    STICK/root.json, public/    the alliance's root file, and the station's static files
    STICK/draft/                the next charter, with the signatures gathered so far
    STICK/certificates/C.pem    the certificate, and the authority's

Rule 1: the state is what lies in the home and on the stick; nothing else is remembered.
Rule 2: nothing on the stick is secret, and nothing on it is believed: private keys stay where they were made. A
        certificate is signed only for whose signing key the published charter names.
Rule 3: what is signed was shown before, and a person said yes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from yizhan.charter import contents
from yizhan.charter import terms as texts
from yizhan.charter.layout import ALLIANCE, majority
from yizhan.charter.reader import CharterReader
from yizhan.charter.signing import Signing
from yizhan.deploy.certificates import install_certificate, new_request, sign_request
from yizhan.deploy.errors import CertificateFailed
from yizhan.runtime.clock import utc_now
from yizhan.schemas import dsse, strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.keys import SigningKey, load_signing
from yizhan.schemas.topics import STATION, county
from yizhan.services.charter import public_folder, reader_folder
from yizhan.services.charter_ceremony import (
    OpenDraft,
    draft_next,
    draft_status,
    open_draft,
    publish_draft,
    read_request,
    sign_draft,
)
from yizhan.services.charter_reading import verify_charter
from yizhan.services.charter_requests import KeyRequestOptions, make_request, newest_reader
from yizhan.services.errors import NoKey, ServiceError
from yizhan.services.files import write_again
from yizhan.services.home import Home
from yizhan.services.key_admin import generate_keys
from yizhan.services.keys import PassphraseSource

CERTIFICATE_REQUEST: Final = "application/vnd.yizhan.certificate-request.v1+pem"
"""DSSE type of a certificate request (PKCS#10, PEM) that a county signs with its signing key."""

Step = Literal["keys", "request", "draft", "signatures", "published", "anchor", "adopted", "certificate"]
StepState = Literal["done", "now", "waiting"]
"""Done; what this side does next; what another office does."""


@dataclass(frozen=True, slots=True)
class JoinStep:
    """One line of the checklist; ``values`` are what it speaks of: file, charter, fingerprint."""

    step: Step
    state: StepState
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Joining:
    """How far it is. ``signatures`` say who must sign and who has, where there is a draft."""

    steps: tuple[JoinStep, ...]
    signatures: tuple[Signing, ...] = ()
    next: tuple[Action, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do, on either side."""
        return all(each.state == "done" for each in self.steps)


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What a person gives: the contacts, a root file, whether keys are renewed, and the yes to what was shown."""

    scheme: Literal["ml-dsa-65", "ed25519", "ecdsa"] = "ml-dsa-65"
    ladder: Sequence[Mapping[str, str]] | None = None
    anchor: bytes | None = None
    renew: bool = False
    agree: Callable[[OpenDraft], bool] = lambda _draft: False


@dataclass(frozen=True, slots=True)
class NewMember:
    """What the alliance knows of a county that joins: names, and with whom it is paired."""

    name: tuple[str, str]
    province: tuple[str, str]
    pairs: tuple[str, ...] = ()


# -- the county's side --


def join_county(home: Home, code: str, stick: Path, options: JoinOptions, passphrases: PassphraseSource) -> Joining:
    """Do what is next for a county: of one that joins, of one that renews its keys, of a member that must sign.

    Raises:
        ServiceError, NoKey, Conflict, CharterInvalid: as the steps that it takes.
    """
    steps: list[JoinStep] = []
    known = _newest(home, code)
    joined = known is not None and code in known.latest().members
    asks = not joined or options.renew or (stick / "requests" / f"{code}.json").exists()
    if asks:
        steps += _request(home, code, stick, options, passphrases, known)
    known, step = _adopt(home, code, stick, options, known)
    steps.append(step)
    joined = known is not None and code in known.latest().members
    signatures: tuple[Signing, ...] = ()
    if known is not None and _has_draft(stick):
        signatures, step = _sign(home, code, stick, options, passphrases)
        steps.append(step)
    if known is not None:
        state: StepState = "done" if joined and not signatures else "waiting"
        steps.append(JoinStep("adopted", state, (known.latest().name,)))
    if asks:
        steps.append(_take_certificate(home, code, stick))
    finished = all(each.state == "done" for each in steps)
    return Joining(tuple(steps), signatures, (Action.to("home.start"),) if finished else ())


def _newest(home: Home, code: str) -> CharterReader | None:
    folder = reader_folder(home, code)
    return home.reader(folder) if (folder / "root.json").is_file() else None


def _request(
    home: Home,
    code: str,
    stick: Path,
    options: JoinOptions,
    passphrases: PassphraseSource,
    known: CharterReader | None,
) -> tuple[JoinStep, ...]:
    """Make keys that are missing, and write both requests to the stick."""
    folder, target = home.county_folder(code) / "keys", stick / "requests" / f"{code}.json"
    charter = None if known is None else known.latest()
    fresh = [path for path in folder.glob("*.pem") if not _is_registered(charter, code, path)]
    if not fresh and not target.exists():
        generate_keys(home, code, passphrases, ask=False)
    if not target.exists():
        data, _made = make_request(home, code, KeyRequestOptions(options.scheme, options.ladder), passphrases)
        _write(target, data)
        _write(_certificate_request(stick, code), _signed_request(home, code, passphrases))
    return JoinStep("keys", "done", (str(folder),)), JoinStep("request", "done", (str(target),))


def _is_registered(charter: Charter | None, code: str, path: Path) -> bool:
    kid8 = path.stem.partition("-")[2]
    if charter is None:
        return False
    named = (charter.signing, charter.sealing, charter.cosigning)
    return any(kid.startswith(kid8) for each in named for kid in each.get(code, {}))


def _signed_request(home: Home, code: str, passphrases: PassphraseSource) -> bytes:
    """Return the request for a certificate, signed with the newest signing key of the county."""
    paths = sorted((home.county_folder(code) / "keys").glob("sign-*.pem"), key=lambda path: path.stat().st_mtime_ns)
    if not paths:
        raise NoKey(marked("{folder} 里缺签名或封装密钥"), folder=home.county_folder(code) / "keys")
    locked = b"ENCRYPTED" in paths[-1].read_bytes()
    key: SigningKey = load_signing(paths[-1], passphrases.passphrase(paths[-1]) if locked else None)
    asked = new_request(home.path / home.settings.tls_dir / county(code), county(code))
    return dsse.sign(CERTIFICATE_REQUEST, asked, key)


def _adopt(
    home: Home, code: str, stick: Path, options: JoinOptions, known: CharterReader | None
) -> tuple[CharterReader | None, JoinStep]:
    """Verify what the station published, from the root file that a person gave."""
    public = stick / "public"
    if known is None and options.anchor is None:
        there = (stick / "root.json").is_file()
        return None, JoinStep("anchor", "now" if there else "waiting", (str(stick / "root.json"),))
    if public.is_dir():
        found = verify_charter(home, code, anchor=options.anchor, folder=public, online=False)
        known = home.reader(reader_folder(home, code))
        return known, JoinStep("anchor", "done", (found.root_sha256,))
    return known, JoinStep("anchor", "waiting" if known is None else "done")


def _sign(
    home: Home, code: str, stick: Path, options: JoinOptions, passphrases: PassphraseSource
) -> tuple[tuple[Signing, ...], JoinStep]:
    """Sign the draft for a county that must and has not, if a person says yes."""
    draft = stick / "draft"
    found = draft_status(home, code, draft)
    if _owes(found, code):
        opened = open_draft(home, code, draft)
        if not options.agree(opened):
            return found, JoinStep("signatures", "now", opened.differences)
        sign_draft(home, code, opened, passphrases)
        found = draft_status(home, code, draft)
    return found, JoinStep("signatures", "waiting" if not _owes(found, code) else "now")


def _owes(found: Sequence[Signing], code: str) -> bool:
    """Return whether a role lacks a signature that this county can give."""
    return any(not each.done and any(holder.split("/")[0] == code for holder in each.missing) for each in found)


def _take_certificate(home: Home, code: str, stick: Path) -> JoinStep:
    folder, chain = home.path / home.settings.tls_dir / county(code), stick / "certificates" / f"{code}.pem"
    if chain.is_file():
        try:
            install_certificate(folder, chain.read_bytes())
        except ValueError as error:
            raise ServiceError(f"{chain}: {error}") from error
    waits = (folder / "next-key.pem").exists() or not (folder / "cert.pem").exists()
    return JoinStep("certificate", "waiting" if waits else "done", (str(folder),))


# -- the alliance's side, at the station --


def join_station(
    home: Home, stick: Path, member: NewMember | None, passphrases: PassphraseSource, *, publish: bool
) -> Joining:
    """Do what is next at the station: draft the version with what was requested, show who must sign, publish.

    Args:
        home: the station's.
        stick: with requests.
        member: names of the county that joins; needed for the draft.
        passphrases: of the station's role keys.
        publish: a person said that the signed draft is to be published.

    Raises:
        ServiceError, CharterInvalid, Conflict: as the steps that it takes.
    """
    reader = newest_reader(home, None)
    if reader is None:
        raise ServiceError(marked("{home} 里没有驿站的章程；请在驿站的机器上运行"), home=home.path)
    asked = [path for path in sorted((stick / "requests").glob("*.json")) if _changes(home, reader, path)]
    owners = [path.stem for path in sorted((stick / "requests").glob("*.json"))]
    steps = [JoinStep("request", "done" if owners else "waiting", tuple(owners))]
    signatures: tuple[Signing, ...] = ()
    _share(home, stick)
    if asked and not _has_draft(stick):
        draft_next(home, None, _terms(reader, [path.stem for path in asked], member), asked, (), stick / "draft")
    if _has_draft(stick):
        steps.append(JoinStep("draft", "done", (str(stick / "draft"),)))
        signatures = draft_status(home, None, stick / "draft")
        complete = all(each.done for each in signatures)
        steps.append(JoinStep("signatures", "done" if complete else "waiting"))
        steps.append(JoinStep("published", "now" if complete else "waiting"))
        if complete and publish:
            name = publish_draft(home, stick / "draft", passphrases).name
            (stick / "draft").rename(stick / f"draft.{name}")
            _share(home, stick)
            steps[-1], signatures = JoinStep("published", "done", (name,)), ()
            reader = newest_reader(home, None) or reader
    elif owners:
        steps.append(JoinStep("published", "done", (reader.latest().name,)))
    if owners and steps[-1].state == "done":
        steps += [_give_certificate(home, reader.latest(), code, stick) for code in owners if code != STATION]
        return Joining(tuple(steps), (), (Action.to("broker.start"), Action.to("station.run")))
    return Joining(tuple(steps), signatures)


def _has_draft(stick: Path) -> bool:
    return (stick / "draft").is_dir() and any((stick / "draft").glob("*.json"))


def _changes(home: Home, reader: CharterReader, path: Path) -> bool:
    """Return whether a request names a key that the charter does not."""
    asked = read_request(home, path)
    charter = reader.latest()
    if asked.owner not in charter.members:
        return True
    named = {"signing": charter.signing, "sealing": charter.sealing, "cosigning": charter.cosigning}
    return any(
        entry["kid"] not in entries.get(asked.owner, {})
        for purpose, entries in named.items()
        for entry in asked.keys.get(purpose, ())
    )


def _terms(reader: CharterReader, owners: Sequence[str], member: NewMember | None) -> str | None:
    """Return the terms with the county that joins; None where only members ask."""
    new = [code for code in owners if code != STATION and code not in reader.latest().members]
    if not new:
        return None
    if len(new) > 1 or member is None:
        sentence = marked("{codes} 申请加入：请一次一个县，并给出它的名称、省份和结对的县")
        raise ServiceError(sentence, codes=join_list(new))
    base = contents.terms_of(reader.verified())
    alliance: dict[str, Any] = json.loads(base.files[ALLIANCE])
    words = {"name": member.name, "province": member.province}
    entry = {"code": new[0], **{key: {"zh": zh, "en": en} for key, (zh, en) in words.items()}}
    alliance["members"] = sorted([*alliance["members"], entry], key=lambda each: str(each["code"]))
    alliance["pairs"] = sorted([*alliance.get("pairs", ()), *(sorted((new[0], each)) for each in member.pairs)])
    # One that is set explicitly stays, unless it would be less than a majority now.
    least = majority(len(alliance["members"]))
    after = replace(
        base,
        files={**base.files, ALLIANCE: strictjson.dumps(alliance)},
        root_threshold=base.root_threshold and max(base.root_threshold, least),
        targets_threshold=base.targets_threshold and max(base.targets_threshold, least),
    )
    return texts.write(after)


def _share(home: Home, stick: Path) -> None:
    """Put the root file and what is published on the stick."""
    stick.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(reader_folder(home, None) / "root.json", stick / "root.json")
    shutil.copytree(public_folder(home), stick / "public", dirs_exist_ok=True)


def _give_certificate(home: Home, charter: Charter, code: str, stick: Path) -> JoinStep:
    """Sign a county's certificate, if its request is signed with a key that the published charter names."""
    target, asked = stick / "certificates" / f"{code}.pem", _certificate_request(stick, code)
    if not asked.is_file():
        return JoinStep("certificate", "waiting", (code,))
    keys = charter.signing.get(code, {})
    try:
        request = dsse.verify(
            asked.read_bytes(), CERTIFICATE_REQUEST, lambda kid: keys[kid].key if kid in keys else None
        ).payload
        tls = home.path / home.settings.tls_dir
        if not target.exists():
            _write(target, sign_request(tls, county(code), request, now=utc_now()))
    except (StatementInvalid, ValueError) as error:
        sentence = marked("{path} 不是 {code} 用章程登记的密钥签名的证书申请，没有签发")
        raise ServiceError(sentence, path=asked, code=code) from error
    except CertificateFailed:
        return JoinStep("certificate", "now", (code,))  # the authority is made when the broker is first started
    return JoinStep("certificate", "done", (str(target),))


def _certificate_request(stick: Path, code: str) -> Path:
    return stick / "certificates" / f"{code}.json"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_again(str(path), data, force=False)
