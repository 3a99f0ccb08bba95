"""What this implementation says of a vector: one function for each folder of ``tests/vectors``.

Rule 1: the answer is what a vector has in ``expected``; who makes vectors and who checks them asks here.
Rule 2: nothing is decided here: each function calls what the program calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.vectors import judge_readers
from yizhan.charter.fetch import CharterFetcher, MemorySource
from yizhan.charter.verify import verify
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.charter_loading import load_charter
from yizhan.schemas.checkpoints import open_checkpoint
from yizhan.schemas.counterfoils import verify_counterfoil
from yizhan.schemas.errors import (
    CharterInvalid,
    NotAMember,
    NoteInvalid,
    ProofInvalid,
    Refused,
    StatementInvalid,
    UnknownKey,
)
from yizhan.schemas.filetypes import clean_name
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Ref
from yizhan.schemas.keys import CosigningPublicKey, SealingPublicKey, SigningPublicKey
from yizhan.schemas.logrecords import read_entries
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.obligation_engine import ObligationEngine
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.postmark_steps import EventStamp, postmark_entries
from yizhan.schemas.proofs import parse_proof, verify_proof
from yizhan.schemas.statements import StationStatement, read_dated, read_statement
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charter
    from yizhan.schemas.checkpoints import OpenedCheckpoint
    from yizhan.schemas.header import Header

VECTORS: Final = Path(__file__).parent
REFUSED: Final = {"refused": True}
Vector = dict[str, Any]
PublicKey = SigningPublicKey | SealingPublicKey | CosigningPublicKey
ROLES: Final[dict[str, Callable[[bytes], PublicKey]]] = {
    "sign": SigningPublicKey,
    "seal": SealingPublicKey,
    "cosign": CosigningPublicKey,
}


def files_of(version: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of one of a vector's ``versions``."""
    root = VECTORS / version["folder"]
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.json")}
    files.pop("version.json", None)
    for path, text in version.get("changes", {}).items():
        if text is None:
            del files[path]
        else:
            files[path] = text.encode()
    for path, count in version.get("spaces_after", {}).items():
        files[path] += b" " * count
    return files


def charter_of(version: Mapping[str, Any]) -> Charter:
    """Load one of a vector's ``versions`` (``CharterInvalid`` if it does not load)."""
    return load_charter(files_of(version), version["name"], instant(version["holds_from"]))


def charters_of(vector: Vector) -> AdoptedCharters:
    """Load all versions of a vector."""
    return AdoptedCharters(map(charter_of, vector["versions"]))


def keys(vector: Vector) -> Vector:
    """Register a key."""
    try:
        return {"kid": ROLES[vector["role"]](bytes.fromhex(vector["public"])).kid}
    except ValueError:
        return REFUSED


def charters(vector: Vector) -> Vector:
    """Load a charter."""
    try:
        charters_of(vector)
    except CharterInvalid:
        return {"loads": False}
    return {"loads": True}


def names(vector: Vector) -> Vector:
    """Look at a file's name."""
    return {"good": vector["name"] == clean_name(vector["name"])}


def entries(vector: Vector) -> Vector:
    """Read entries of the log."""
    try:
        found = read_entries(bytes.fromhex(vector["record"]))
    except NoteInvalid:
        return REFUSED
    if found is None:
        return REFUSED
    return {"start": found[0], "entries": [entry.hex() for entry in found[1]]}


DATED: Final[tuple[type[StationStatement], ...]] = (Postmark, Manifest, Followup)


def statements(vector: Vector) -> Vector:
    """Read a statement."""
    charters, data = charters_of(vector), vector["document"].encode()
    try:
        if vector["type"] == Adoption.content_type:
            adoption, name = read_statement(Adoption, data, charters.latest())
            return {"payload": json.loads(adoption.payload()), "hash": name.hex()}
        (kind,) = (each for each in DATED if vector["type"] in {each.content_type, *each.former_types})
        statement, name, _charter = read_dated(kind, data, charters)
    except StatementInvalid:
        return REFUSED
    if statement.form != vector["type"]:
        return REFUSED
    return {"payload": json.loads(statement.payload()), "hash": name.hex()}


def versions(vector: Vector) -> Vector:
    """Judge a record under the version in force when it was received."""
    received = instant(vector["received"])
    charter = charters_of(vector).in_force(received)
    value = bytes.fromhex(vector["record"])
    record = Record(vector["topic"], vector["partition"], vector["offset"], received, value)
    try:
        admitted = admit(record, charter)
    except Refused as refused:
        return {"in_force": charter.name, "refused": refused.reason.value}
    header = admitted.header
    return {
        "in_force": charter.name,
        "decisions": {code: {"way": d.way, "rule": d.rule} for code, d in admitted.decisions.items()},
        "doubtful": charter.signing[header.county][header.kid].doubtful(received),
    }


def opens(vector: Vector) -> Vector:
    """Work out what the first record that a station reads opens."""
    received = instant(vector["received"])
    charter, value = charters_of(vector).in_force(received), bytes.fromhex(vector["record"])
    record = Record(vector["topic"], vector["partition"], vector["offset"], received, value)
    try:
        admitted = admit(record, charter)
    except Refused as refused:
        return {"refused": refused.reason.value}
    ways = {code: decided.way for code, decided in admitted.decisions.items()}
    steps = ObligationEngine().observe(admitted.header, admitted.verified.hash, ways, received, charter)
    event = Ref(id=admitted.header.id, hash=admitted.verified.hash.hex())
    found, _ends = postmark_entries(steps, EventStamp(event, vector["received"], charter.name))
    return {"opens": [each.model_dump(mode="json", exclude_none=True) for each in found]}


def counterfoils(vector: Vector) -> Vector:
    """Check a counterfoil."""
    charter = charter_of(vector["versions"][0])

    def key_of(header: Header) -> SigningPublicKey:
        if header.county not in charter.members:
            raise NotAMember(header.county)
        entry = charter.signing[header.county].get(header.kid)
        if entry is None:
            raise UnknownKey(header.kid)
        return entry.key

    try:
        found = verify_counterfoil(bytes.fromhex(vector["counterfoil"]), key_of)
    except Refused as refused:
        return {"refused": refused.reason.value}
    return {"header": json.loads(found.header.to_bytes()), "hash": found.hash.hex()}


def _opened(opened: OpenedCheckpoint) -> Vector:
    return {
        "origin": opened.checkpoint.origin,
        "size": opened.checkpoint.size,
        "root": opened.checkpoint.root.hex(),
        "at": written(opened.at),
        "cosigned": {code: written(at) for code, at in sorted(opened.cosigned.items())},
        "final": opened.final,
    }


def checkpoints(vector: Vector) -> Vector:
    """Open a checkpoint."""
    try:
        return _opened(open_checkpoint(vector["note"].encode(), charters_of(vector)))
    except NoteInvalid:
        return REFUSED


def proofs(vector: Vector) -> Vector:
    """Check a proof."""
    try:
        proof = parse_proof(vector["proof"].encode())
        opened = verify_proof(proof, charters_of(vector))
    except (NoteInvalid, ProofInvalid):
        return REFUSED
    return {"statement": proof.statement.decode(), "index": proof.index, **_opened(opened)}


def tuf(vector: Vector) -> Vector:
    """Verify a repository from its anchor."""
    files = MemorySource({path: text.encode() for path, text in vector["files"].items()})
    try:
        found = verify(vector["anchor"].encode(), None, CharterFetcher(files), instant(vector["now"]))
    except CharterInvalid:
        return REFUSED
    return {"name": found.name}


JUDGES: Final[Mapping[str, Callable[[Vector], Vector]]] = {
    "keys": keys,
    "charters": charters,
    "names": names,
    "entries": entries,
    "statements": statements,
    "versions": versions,
    "opens": opens,
    "counterfoils": counterfoils,
    "checkpoints": checkpoints,
    "proofs": proofs,
    "tuf": tuf,
    "postmarks": lambda vector: judge_readers.postmarks(vector, charters_of(vector)),
    "receipts": judge_readers.receipts,
    "digests": judge_readers.digests,
}
