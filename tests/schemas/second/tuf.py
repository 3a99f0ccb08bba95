"""The charter's repository (11.8 to 11.10): TUF's workflow, and what a reader refuses beyond it.

Rule 1: written for a reader that starts from its anchor; what it does not know yet it does not compare.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from tests.schemas.second.basics import Invalid, Json, sha256
from tests.schemas.second.charter import Charter, load_charter
from tests.schemas.second.keys import check_signing_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMBER = "x-yizhan-member"
CONTENT = {"alliance.json", "policy.json"}


def canonical(value: object) -> str:
    """Write what is signed (11.8)."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def raw(key: Json) -> bytes:
    """Return the raw bytes of a role key of an allowed scheme (11.8)."""
    kind, public = (key["keytype"], key["scheme"]), key["keyval"]["public"]
    try:
        if kind == ("ed25519", "ed25519"):
            check_signing_key(bytes.fromhex(public))
            return bytes.fromhex(public)
        loaded = load_pem_public_key(public.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("a role key") from None
    if kind == ("ml-dsa", "ml-dsa-65/1") and isinstance(loaded, MLDSA65PublicKey):
        return loaded.public_bytes_raw()
    if kind == ("ecdsa", "ecdsa-sha2-nistp256") and isinstance(loaded, EllipticCurvePublicKey):
        return loaded.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raise Invalid("a role key of another scheme")


def _verifies(key: Json, signature: bytes, signed: bytes) -> bool:
    try:
        if key["keytype"] == "ed25519":
            Ed25519PublicKey.from_public_bytes(raw(key)).verify(signature, signed)
        elif key["keytype"] == "ml-dsa":
            MLDSA65PublicKey.from_public_bytes(raw(key)).verify(signature, b"tuf\1" + hashlib.sha512(signed).digest())
        else:
            loaded = load_pem_public_key(key["keyval"]["public"].encode())
            assert isinstance(loaded, EllipticCurvePublicKey)
            loaded.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def check_signed(document: Json, role: Json, keys: Json) -> None:
    """Refuse what fewer than a threshold of a role's keys signed."""
    signed = canonical(document["signed"]).encode()
    by = {each["keyid"]: bytes.fromhex(each["sig"]) for each in document["signatures"]}
    good = [
        name for name in set(role["keyids"]) if name in by and name in keys and _verifies(keys[name], by[name], signed)
    ]
    if len(good) < role["threshold"]:
        raise Invalid("threshold")


def once(keys: Iterable[Json]) -> set[bytes]:
    """Refuse a key that is met twice, by its raw bytes (11.9)."""
    seen: set[bytes] = set()
    for key in keys:
        public = raw(key)
        if public in seen:
            raise Invalid("a key of two roles")
        seen.add(public)
    return seen


def check_root(root: Json) -> set[str]:
    """Refuse a root that breaks 11.8 or 11.9; return its members."""
    roles, keys = root["roles"], root["keys"]
    if not root["consistent_snapshot"] or any(name not in keys for role in roles.values() for name in role["keyids"]):
        raise Invalid("root")
    held = {office: [keys[name].get(MEMBER) for name in roles[office]["keyids"]] for office in ("root", "targets")}
    for office, holders in held.items():
        if None in holders or len(set(holders)) != len(holders) or set(holders) != set(held["root"]):
            raise Invalid("offices")
        if roles[office]["threshold"] < len(holders) // 2 + 1:
            raise Invalid("less than a majority")
    if any(MEMBER in keys[name] for office in ("snapshot", "timestamp") for name in roles[office]["keyids"]):
        raise Invalid("a member as the station")
    once(keys[name] for role in roles.values() for name in role["keyids"])
    return set(held["root"])


@dataclass
class Repository:
    """What a source offers, and the roots that were verified."""

    files: Mapping[str, bytes]
    now: datetime
    root: Json = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """Return a file that must be there."""
        if path not in self.files:
            raise Invalid(path)
        return self.files[path]

    def climb(self, anchor: bytes) -> set[str]:
        """Follow the roots, each signed under the one before and under itself; return the members."""
        document = json.loads(anchor)
        self.root = document["signed"]
        members = check_root(self.root)
        while (path := f"metadata/{self.root['version'] + 1}.root.json") in self.files:
            document = json.loads(self.files[path])
            later = document["signed"]
            check_signed(document, self.root["roles"]["root"], self.root["keys"])
            check_signed(document, later["roles"]["root"], later["keys"])
            if later["version"] != self.root["version"] + 1:
                raise Invalid("number of a root")
            self.root, members = later, check_root(later)
        self.check_time(self.root)
        return members

    def check_time(self, signed: Json) -> None:
        """Refuse what has expired."""
        if self.now >= datetime.strptime(signed["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC):
            raise Invalid("expired")

    def metadata(self, name: str, listed: Json | None, role: Json, keys: Json) -> Json:
        """Return the metadata of a role: as listed, signed, not expired."""
        number = "" if listed is None else f"{listed['version']}."
        data = self.read(f"metadata/{number}{name}.json")
        if listed is not None:
            check_listed(data, listed)
        document: Json = json.loads(data)
        check_signed(document, role, keys)
        if listed is not None and document["signed"]["version"] != listed["version"]:
            raise Invalid("number")
        self.check_time(document["signed"])
        return document["signed"]  # type: ignore[no-any-return] # JSON is any

    def target(self, path: str, listed: Json) -> bytes:
        """Return a target file, as listed (11.10)."""
        folder, slash, name = path.rpartition("/")
        data = self.read(f"targets/{folder}{slash}{listed['hashes']['sha256']}.{name}")
        check_listed(data, listed)
        return data


def check_listed(data: bytes, listed: Json) -> None:
    """Refuse bytes that are not those that were listed."""
    digest = listed.get("hashes", {}).get("sha256", sha256(data).hex())
    if len(data) != listed.get("length", len(data)) or sha256(data).hex() != digest:
        raise Invalid("not what was listed")


def verify(anchor: bytes, files: Mapping[str, bytes], now: datetime) -> Charter:
    """Verify a repository, and load the charter that it holds (11.2, 11.3, 11.8, 11.9)."""
    source = Repository(files, now)
    members = source.climb(anchor)
    roles, keys = source.root["roles"], source.root["keys"]
    timestamp = source.metadata("timestamp", None, roles["timestamp"], keys)
    listed = timestamp["meta"]["snapshot.json"]
    snapshot = source.metadata("snapshot", listed, roles["snapshot"], keys)
    if not 0 < snapshot.get("x-yizhan-root", 0) <= source.root["version"]:
        raise Invalid("x-yizhan-root")
    targets = source.metadata("targets", snapshot["meta"]["targets.json"], roles["targets"], keys)
    delegated = {role["name"]: role for role in targets.get("delegations", {}).get("roles", [])}
    if targets["targets"].keys() != CONTENT or delegated.keys() != members:
        raise Invalid("targets or delegations")
    theirs = targets["delegations"]["keys"]
    used = once([
        *(keys[name] for role in roles.values() for name in role["keyids"]),
        *(theirs[name] for role in delegated.values() for name in role["keyids"]),
    ])  # fmt: skip
    content = {path: source.target(path, entry) for path, entry in targets["targets"].items()}
    for code, role in delegated.items():
        path = f"counties/{code}/keys.json"
        if role["paths"] != [f"counties/{code}/*"] or not role["terminating"]:
            raise Invalid("a delegation")
        county = source.metadata(code, snapshot["meta"][f"{code}.json"], role, theirs)
        if county["targets"].keys() != {path} or "delegations" in county:
            raise Invalid("what a county lists")
        content[path] = source.target(path, county["targets"][path])
    data = source.read(f"metadata/{listed['version']}.snapshot.json")
    charter = load_charter(content, f"{snapshot['version']}-{sha256(data).hex()[:16]}")
    registered = [charter.postmark, charter.ledger, charter.ledger_mldsa]
    registered += [*charter.signing.values(), *charter.sealing.values(), *charter.cosigning.values()]
    if charter.members != members or used & {key.public for each in registered for key in each.values()}:
        raise Invalid("members, or a role key that also signs")
    return charter
