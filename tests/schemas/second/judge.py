"""What the second implementation says of a vector (17.1, 17.5): one function for each folder of vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.schemas.second.admission import admit, author_key
from tests.schemas.second.basics import Invalid, Refused, Unopenable, sha256
from tests.schemas.second.charter import Charter, Versions, in_force, load_charter
from tests.schemas.second.envelope import need, open_envelope, parse_counterfoil, sealing_kid
from tests.schemas.second.filenames import is_good_name
from tests.schemas.second.files import is_believed, seal_file, spoilt
from tests.schemas.second.keys import check_key, kid
from tests.schemas.second.log import Opened, open_checkpoint, open_proof, read_entries
from tests.schemas.second.names import read_header
from tests.schemas.second.opened import opens
from tests.schemas.second.readers import binds, is_accepted, weigh
from tests.schemas.second.statements import is_behind, postmark, read_statement
from tests.schemas.second.strict import instant, written
from tests.schemas.second.tuf import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VECTORS = Path(__file__).parents[2] / "vectors"
REFUSED = {"refused": True}
Vector = dict[str, Any]
NAME = "1-1ee0127f43b062ec"
_READ: dict[str, dict[str, bytes]] = {}
_LOADED: dict[str, Charter] = {}


def folder(name: str) -> dict[str, bytes]:
    """Return the files of a folder of charter files."""
    if name not in _READ:
        root = VECTORS / name
        _READ[name] = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.json")}
        _READ[name].pop("version.json", None)
    return dict(_READ[name])


def load(version: Mapping[str, Any]) -> Charter:
    """Load one of a vector's ``versions`` (17.5)."""
    named = str(sorted(version.items()))
    if named not in _LOADED:
        _LOADED[named] = _load(version)
    return _LOADED[named]


def _load(version: Mapping[str, Any]) -> Charter:
    files = folder(version["folder"])
    for path, text in version.get("changes", {}).items():
        files.pop(path, None)
        if text is not None:
            files[path] = text.encode()
    for path, count in version.get("spaces_after", {}).items():
        files[path] += b" " * count
    return load_charter(files, version["name"])


def keys(vector: Vector) -> Vector:
    """Register a key (4.3)."""
    public = bytes.fromhex(vector["public"])
    try:
        check_key(vector["role"], public)
    except Invalid:
        return REFUSED
    return {"kid": kid(vector["role"], public)}


def charters(vector: Vector) -> Vector:
    """Load a charter (11.2)."""
    try:
        load(vector["versions"][0])
    except Invalid:
        return {"loads": False}
    return {"loads": True}


def names(vector: Vector) -> Vector:
    """Look at a file's name (19.1)."""
    return {"good": is_good_name(vector["name"])}


def entries(vector: Vector) -> Vector:
    """Read entries of the log (18.8)."""
    try:
        start, found = read_entries(bytes.fromhex(vector["record"]))
    except Invalid:
        return REFUSED
    return {"start": start, "entries": [entry.hex() for entry in found]}


def envelope(vector: Vector) -> Vector:
    """Judge, open and stamp a record (17.1): its members ``refused``, or ``admitted``, ``opened`` and ``postmark``."""
    value = None if vector["record"] is None else bytes.fromhex(vector["record"]) + bytes(vector["zeros_after"])
    charter, received = load({"folder": "envelope/charter", "name": NAME}), instant(vector["received"])
    try:
        admitted = admit(value, vector["topic"], vector["kafka_header_bytes"], received, charter)
    except Refused as refused:
        return {"refused": str(refused)}
    if "refused" in vector:
        return {"admitted": admitted.hash.hex()}
    opened = []
    for each in vector["opened"]:
        seed = bytes.fromhex(each["seed"])
        said = {name: each[name] for name in ("county", "seed")}
        try:
            opened.append(said | {"payload": open_envelope(admitted.envelope, sealing_kid(seed), seed).hex()})
        except Unopenable as unopenable:
            opened.append(said | {"unopenable": str(unopenable)})
    origin = {name: vector[name] for name in ("cluster", "topic", "partition", "offset")}
    seed = vector["postmark"]["seed"]
    document = postmark(admitted, value or b"", origin, received, charter, bytes.fromhex(seed))
    said = {
        "hash": admitted.hash.hex(), "header": admitted.header, "decisions": admitted.decisions,
        "clock_suspect": admitted.clock_suspect,
    }  # fmt: skip
    if is_behind(admitted.header, charter):
        said["charter_behind"] = True
    return {"admitted": said, "postmark": {"seed": seed, "document": document.decode()}, "opened": opened}


def files(vector: Vector) -> Vector:
    """Seal a file, and look at its faults (19.7)."""
    plain = bytes.fromhex(vector["plain"]["hex"]) * vector["plain"]["times"]
    sealed = vector["attachment"]["sealed"]
    root, records = seal_file(bytes.fromhex(sealed["key"]), plain)
    return {
        "root": root.hex(),
        "records": [sha256(record).hex() for record in records],
        "believed": [is_believed(record) for record in records],
        "faults": [is_believed(spoilt(records[0], fault)) for fault in vector["faults"]],
    }


def load_all(vector: Vector) -> Versions:
    """Load the versions of a vector, each with the instant from which it holds."""
    return [(instant(each["holds_from"]), load(each)) for each in vector["versions"]]


def statements(vector: Vector) -> Vector:
    """Read a statement (12.1, 12.2)."""
    try:
        payload, name = read_statement(vector["type"], vector["document"].encode(), load_all(vector))
    except Invalid:
        return REFUSED
    return {"payload": payload, "hash": name.hex()}


def versions(vector: Vector) -> Vector:
    """Judge a record under the version in force (11.5, 8.2)."""
    received = instant(vector["received"])
    charter = in_force(load_all(vector), received)
    try:
        admitted = admit(bytes.fromhex(vector["record"]), vector["topic"], 0, received, charter)
    except Refused as refused:
        return {"in_force": charter.name, "refused": str(refused)}
    doubtful = author_key(admitted.header, charter).is_doubtful(received)
    return {"in_force": charter.name, "decisions": admitted.decisions, "doubtful": doubtful}


def openings(vector: Vector) -> Vector:
    """Work out what the first record that a station reads opens (10.7, 12.9)."""
    received = instant(vector["received"])
    charter = in_force(load_all(vector), received)
    try:
        admitted = admit(bytes.fromhex(vector["record"]), vector["topic"], 0, received, charter)
    except Refused as refused:
        return {"refused": str(refused)}
    return {"opens": opens(admitted, received, charter)}


def counterfoils(vector: Vector) -> Vector:
    """Check a counterfoil (5.4)."""
    charter = load(vector["versions"][0])
    try:
        unverified, signed, signature = parse_counterfoil(bytes.fromhex(vector["counterfoil"]))
        header = read_header(unverified)
        need(author_key(header, charter).verifies(signature, signed), "bad_signature")
    except Refused as refused:
        return {"refused": str(refused)}
    return {"header": header, "hash": sha256(signed).hex()}


def _opened(opened: Opened) -> Vector:
    return {
        "origin": opened.origin, "size": opened.size, "root": opened.root.hex(), "at": written(opened.at),
        "cosigned": {code: written(at) for code, at in sorted(opened.cosigned.items())}, "final": opened.final,
    }  # fmt: skip


def checkpoints(vector: Vector) -> Vector:
    """Open a checkpoint (18.3 to 18.7)."""
    try:
        return _opened(open_checkpoint(vector["note"].encode(), load_all(vector)))
    except Invalid:
        return REFUSED


def proofs(vector: Vector) -> Vector:
    """Check a proof (18.10)."""
    try:
        statement, index, opened = open_proof(vector["proof"].encode(), load_all(vector))
    except Invalid:
        return REFUSED
    return {"statement": statement.decode(), "index": index, **_opened(opened)}


def postmarks(vector: Vector) -> Vector:
    """Weigh a postmark and an envelope (12.8, 12.9)."""
    document, found = vector["document"].encode(), instant("2026-11-23T08:00:00.000Z")
    return weigh(bytes.fromhex(vector["record"]), document, vector["county"], found, load_all(vector))


def receipts(vector: Vector) -> Vector:
    """Take a receipt in (9.7)."""
    return {"binds": binds(vector["header"], vector["target"])}


def digests(vector: Vector) -> Vector:
    """Take a digest in (14.3)."""
    return {"accepted": is_accepted(vector["county"], vector["records"], vector["before"], vector["manifest"])}


def tuf(vector: Vector) -> Vector:
    """Verify a repository from its anchor (11.8, 11.9)."""
    files = {path: text.encode() for path, text in vector["files"].items()}
    try:
        return {"name": verify(vector["anchor"].encode(), files, instant(vector["now"])).name}
    except Invalid:
        return REFUSED


def expected(kind: str, vector: Vector) -> Vector:
    """Return what a vector of a kind expects (17.1, 17.5, 19.7)."""
    if kind == "envelope":
        return {name: vector[name] for name in ("refused", "admitted", "postmark", "opened") if name in vector}
    if kind == "files":
        root, records = vector["attachment"]["sealed"]["root"], [record["sha256"] for record in vector["records"]]
        good, bad = [True] * len(records), [False] * len(vector["faults"])
        return {"root": root, "records": records, "believed": good, "faults": bad}
    return dict(vector["expected"])


JUDGES: Mapping[str, Callable[[Vector], Vector]] = {
    "envelope": envelope,
    "files": files,
    "keys": keys,
    "charters": charters,
    "names": names,
    "entries": entries,
    "statements": statements,
    "versions": versions,
    "opens": openings,
    "counterfoils": counterfoils,
    "checkpoints": checkpoints,
    "proofs": proofs,
    "tuf": tuf,
    "postmarks": postmarks,
    "receipts": receipts,
    "digests": digests,
}
