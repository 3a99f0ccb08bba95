"""A key request: the keys that an office wants registered, with proof that it holds every private key.

An office makes it on its own machine; it contains only public keys and may be transported openly.

Rule 1: the whole request is signed by every role key in it and by every signing key that is not
        registered yet: an office that copies a neighbour's public key into its request cannot sign with it.
Rule 2: a sealing key cannot sign, and a proof by decryption would take two meetings: it is covered by
        the signatures of the office that registers it. Registering another office's sealing key would only
        send that office the events meant for oneself.
Rule 3: a request is complete: it has old keys too, with their ends.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from securesystemslib.signer import Key, Signature, SSlibKey

from yizhan.charter.contents import Offices, StationOffices
from yizhan.charter.errors import CeremonyError, CharterProblem
from yizhan.charter.layout import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from yizhan.charter.rolekeys import raw
from yizhan.schemas import strictjson
from yizhan.schemas.charter_files import KeyEntry, KeysFile, StationKeys
from yizhan.schemas.charter_loading import check_keys
from yizhan.schemas.dsse import decode_base64, pae
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.keys import CosigningPublicKey, SigningPublicKey
from yizhan.schemas.timestamps import instant, written
from yizhan.schemas.topics import STATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from securesystemslib.signer import CryptoSigner

    from yizhan.schemas.keys import CosigningKey, SigningKey

CONTENT_TYPE: Final = "application/vnd.yizhan.key-request.v1+json"
COUNTY: Final = "county"
COUNTY_OFFICES: Final = (ROOT, TARGETS, COUNTY)
STATION_OFFICES: Final = (SNAPSHOT, TIMESTAMP)
MAX_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Request:
    """A request that was checked. ``owner`` is a member code or ``station``.

    ``keys`` is the content of ``keys.json``, or of ``station`` in ``alliance.json``.
    """

    owner: str
    made: datetime
    roles: Mapping[str, tuple[Key, ...]]
    threshold: int
    keys: Mapping[str, Any]

    @property
    def offices(self) -> Offices:
        """The role keys of a member."""
        (root,), (targets,) = self.roles[ROOT], self.roles[TARGETS]
        return Offices(root, targets, self.roles[COUNTY], self.threshold)

    @property
    def station_offices(self) -> StationOffices:
        """The role keys of the station."""
        return StationOffices(self.roles[SNAPSHOT], self.roles[TIMESTAMP])


def make(
    owner: str,
    roles: Mapping[str, Sequence[CryptoSigner]],
    keys: Mapping[str, Any],
    signing: Iterable[SigningKey | CosigningKey],
    now: datetime,
    threshold: int = 1,
) -> bytes:
    """Write a request and sign it with every private key given.

    Args:
        owner: a member code, or ``station``.
        roles: office → its keys.
        keys: as ``Request.keys``.
        signing: the keys of events (or postmarks) that are not registered yet.
        now: an aware instant.
        threshold: how many of the county's own keys must sign its metadata.
    """
    offices = {
        office: [{"keyid": key.keyid, **key.to_dict()} for key in (signer.public_key for signer in signers)]
        for office, signers in roles.items()
    }
    content = {"owner": owner, "made": written(now), "roles": offices, "threshold": threshold, "keys": dict(keys)}
    payload = strictjson.dumps(content)
    signed = pae(CONTENT_TYPE, payload)
    signatures = [
        {
            "keyid": signer.public_key.keyid,
            "sig": base64.b64encode(bytes.fromhex(signer.sign(signed).signature)).decode(),
        }
        for signers in roles.values()
        for signer in signers
    ]
    signatures += [{"keyid": key.kid, "sig": base64.b64encode(key.sign(signed)).decode()} for key in signing]
    document = {"payload": base64.b64encode(payload).decode(), "payloadType": CONTENT_TYPE, "signatures": signatures}
    return json.dumps(document, indent=1).encode() + b"\n"


def read(data: bytes, registered: Collection[str] = ()) -> Request:
    """Check a request.

    Args:
        data: its bytes.
        registered: kids that the charter has for this owner already; they were proved before.

    Raises:
        CeremonyError: it is malformed, or a proof is missing or wrong; names the key.
    """
    if len(data) > MAX_BYTES:
        raise CeremonyError(f"a request of {len(data)} bytes; at most {MAX_BYTES} are read")
    try:
        document = strictjson.loads(data)
        payload = decode_base64(document["payload"])
        proofs = {each["keyid"]: decode_base64(each["sig"]) for each in document["signatures"]}
        content = strictjson.loads(payload, nulls=False, max_depth=10)
        owner, threshold = str(content["owner"]), int(content["threshold"])
        roles = {office: tuple(map(_key, keys)) for office, keys in content["roles"].items()}
        request = Request(owner, instant(content["made"]), roles, threshold, content["keys"])
        signing = _signing(request)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise CeremonyError(f"not a key request: {error}") from None
    except CharterInvalid as error:
        raise CeremonyError(f"the keys of {owner} do not load: {error}") from None
    _check_offices(request)
    signed = pae(CONTENT_TYPE, payload)
    for office, keys in roles.items():
        for key in keys:
            _prove_role(office, key, proofs.get(key.keyid), signed)
    for kid, public in signing.items():
        proof = proofs.get(kid)
        if kid not in registered and (proof is None or not public.verifies(proof, signed)):
            raise CeremonyError(
                f"{owner} gives no proof that it holds signing key {kid[:16]}…; it must sign the request"
            )
    return request


def _key(entry: dict[str, Any]) -> Key:
    fields = dict(entry)
    return SSlibKey.from_dict(fields.pop("keyid"), fields)


def _signing(request: Request) -> dict[str, SigningPublicKey | CosigningPublicKey]:
    """Check the keys of events or postmarks; return kid → key of those that can sign."""
    if request.owner != STATION:
        checked = check_keys(
            request.owner,
            strictjson.dumps(KeysFile.model_validate(request.keys).model_dump(mode="json", exclude_none=True)),
        )
        own: dict[str, SigningPublicKey | CosigningPublicKey] = {k: entry.key for k, entry in checked.signing.items()}
        return own | {kid: entry.key for kid, entry in checked.cosigning.items()}
    station = StationKeys.model_validate(request.keys)
    classical = {entry.kid: _public(entry, SigningPublicKey) for entry in (*station.postmark, *station.ledger)}
    return classical | {entry.kid: _public(entry, CosigningPublicKey) for entry in station.ledger_mldsa}


def _public(
    entry: KeyEntry, kind: type[SigningPublicKey | CosigningPublicKey]
) -> SigningPublicKey | CosigningPublicKey:
    key = kind(decode_base64(entry.public))
    if key.kid != entry.kid:
        message = f"key {entry.kid[:16]}…: its bytes have the kid {key.kid[:16]}…"
        raise ValueError(message)
    return key


def _check_offices(request: Request) -> None:
    expected = STATION_OFFICES if request.owner == STATION else COUNTY_OFFICES
    if set(request.roles) != set(expected) or not all(request.roles.values()):
        raise CeremonyError(f"{request.owner} names keys of {', '.join(request.roles)}; expected {', '.join(expected)}")
    if request.owner != STATION and (len(request.roles[ROOT]), len(request.roles[TARGETS])) != (1, 1):
        raise CeremonyError(f"{request.owner} names several keys of root or targets; expected one of each")
    if not 1 <= request.threshold <= len(request.roles.get(COUNTY, (None,))):
        raise CeremonyError(f"{request.owner} wants {request.threshold} signatures and has fewer keys")


def _prove_role(office: str, key: Key, proof: bytes | None, signed: bytes) -> None:
    try:
        raw(key)
    except CharterProblem as error:
        raise CeremonyError(str(error)) from None
    if proof is None:
        raise CeremonyError(f"no proof for {office} key {key.keyid[:16]}…; it must sign the request")
    try:
        key.verify_signature(Signature(key.keyid, proof.hex()), signed)
    except Exception as error:  # noqa: BLE001 -- securesystemslib raises several kinds; any of them means no proof
        raise CeremonyError(f"the proof for {office} key {key.keyid[:16]}… does not hold: {error}") from None
