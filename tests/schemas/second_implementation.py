"""A second implementation of the wire specification, to show that the specification is enough.

Rule 1: written from ``schemas/README.md`` alone; imports nothing of ours. A number in a comment is
        the clause that it carries out.
Rule 2: of ``cryptography`` only primitives are used: no HPKE, so that clause 6.7 is tried as well.
Rule 3: plain rather than fast; it reads and stamps, it does not seal.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
MAX_INTEGER: Final = 2**53 - 1
P: Final = 2**255 - 19


class Refused(Exception):
    """A record that is refused; the argument is the reason of 8.3."""


class Unopenable(Exception):
    """A verified envelope that does not open; the argument is the cause of 6.8."""


class Invalid(Exception):
    """JSON, a key or a charter that breaks the specification."""


def sha256(data: bytes) -> bytes:
    """Hash: H(x) of 1.2."""
    return hashlib.sha256(data).digest()


# 2 Strict JSON


def strict_json(data: bytes, depth: int = 8) -> Any:  # noqa: ANN401 -- JSON is any
    """Read JSON as 2.1 wants it."""

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Invalid("a name twice")
        return dict(pairs)

    def integer(text: str) -> int:
        if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
            raise Invalid("integer")
        return int(text)

    def never(text: str) -> NoReturn:
        raise Invalid(text)

    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Invalid("byte order mark")
        value = json.loads(text, object_pairs_hook=unique, parse_int=integer, parse_float=never, parse_constant=never)
        _check_json(value, depth)
    except (ValueError, RecursionError) as error:
        raise Invalid(str(error)) from None
    return value


def _check_json(value: Any, depth: int) -> None:  # noqa: ANN401 -- JSON is any
    if value is None:
        raise Invalid("null")
    if isinstance(value, str):
        value.encode("utf-8")
    if isinstance(value, dict | list):
        if depth == 0:
            raise Invalid("depth")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_json(inner, depth - 1)


def compact(value: Any) -> bytes:  # noqa: ANN401 -- JSON is any
    """Write JSON as 2.3 wants it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# Shapes: a small language for the tables of 7.1, 9.4, 10.5 and 11.1


def text(pattern: str, longest: int = 10**6) -> Callable[[Any], bool]:
    """Return a shape: a string of this pattern."""
    return lambda value: isinstance(value, str) and len(value) <= longest and bool(re.fullmatch(pattern, value))


def one_of(*values: str) -> Callable[[Any], bool]:
    """Return a shape: one of these strings."""
    return lambda value: isinstance(value, str) and value in values


def number(low: int, high: int = MAX_INTEGER) -> Callable[[Any], bool]:
    """Return a shape: an integer, and no boolean."""
    return lambda value: type(value) is int and low <= value <= high


def array(shape: Callable[[Any], bool], low: int = 0, high: int = 10**6) -> Callable[[Any], bool]:
    """Return a shape: an array of these."""
    return lambda value: isinstance(value, list) and low <= len(value) <= high and all(map(shape, value))


def words(low: int, high: int) -> Callable[[Any], bool]:
    """Return a shape: a string of so many characters."""
    return lambda value: isinstance(value, str) and low <= len(value) <= high


def object_of(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Callable[[Any], bool]:
    """Return a shape: an object of these attributes and no other."""
    both = {**required, **(optional or {})}
    return lambda value: (
        isinstance(value, dict)
        and required.keys() <= value.keys() <= both.keys()
        and all(both[name](inner) for name, inner in value.items())
    )


def map_of(key: Callable[[Any], bool], shape: Callable[[Any], bool], high: int) -> Callable[[Any], bool]:
    """Return a shape: an object with any names of one pattern."""
    return lambda value: (
        isinstance(value, dict) and len(value) <= high and all(map(key, value)) and all(map(shape, value.values()))
    )


def is_instant(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    """Tell an instant of 1.4."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z", value):
        return False
    try:
        moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return 2000 <= moment.year <= 2199 and written(moment) == value


def instant(value: str) -> datetime:
    """Read an instant of 1.4."""
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def written(moment: datetime) -> str:
    """Write an instant of 1.4."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


# 3 Names

CODE = r"[0-9]{6}"
SOURCE = CODE + r"(?:\.[a-z0-9-]{1,32})?"
BOOK = r"[a-z0-9]{4,20}"
ID = rf"({SOURCE})-({BOOK})-([1-9][0-9]{{0,14}})"
code, source, book, event_id = text(CODE), text(SOURCE), text(BOOK), text(ID, 80)
is_period = text(r"2[01][0-9]{2}(?:-(?:0[1-9]|1[0-2])|Q[1-4])?")
hash_, charter_name = text(r"[0-9a-f]{64}"), text(r"[1-9][0-9]{0,8}-[0-9a-f]{16}")
event_type = text(r"yizhan(\.[a-z][a-z0-9_]{0,31}){1,3}\.v[1-9][0-9]?", 120)
RECEIPT, NOTICE = "yizhan.receipt.v1", "yizhan.notice.v1"


def source_of(name: str) -> str:
    """Take the source off an event id (3.1)."""
    match = re.fullmatch(ID, name)
    if match is None:
        raise Invalid(name)
    return match[1]


# 7 Header, 9.4 receipts

ref = object_of({"id": event_id, "hash": hash_})
lane_name = one_of("prompt", "digest")
delivered = object_of(
    {"stage": one_of("delivered"), "source": source, "book": book, "lane": lane_name, "up_to": number(0)},
    {"beyond": array(number(1), 0, 64)},
)
confirmed = object_of(
    {"stage": one_of("unopenable", "fetched", "unfetched", "acknowledged", "acted", "declined"), "event": ref}
)


def is_receipt(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    """Tell one of the two shapes of 9.4."""
    if delivered(value):
        return all(left < right for left, right in pairwise([value["up_to"] + 1, *value.get("beyond", [])]))
    return confirmed(value)


header_shape = object_of(
    {
        "specversion": one_of("1.0"), "source": source, "id": event_id, "type": event_type, "time": is_instant,
        "kid": hash_, "to": array(code, 0, 64), "charter": charter_name, "status": one_of("Actual", "Exercise", "Test"),
        "lanes": map_of(code, object_of({"lane": lane_name, "n": number(1)}), 64),
        "priority": one_of("flash", "urgent", "routine"),
    },
    {
        "subject": event_id, "grade": number(1, 4), "touches": array(code, 0, 64), "expires": is_instant,
        "certainty": one_of("Observed", "Likely", "Possible", "Unlikely", "Unknown"),
        "stage": one_of("first", "update", "final"), "worse": lambda value: isinstance(value, bool),
        "reply_to": ref, "supersedes": ref, "withdraws": ref, "receipt": is_receipt,
        "wants": one_of("feedback", "identity", "identity-far", "assistance", "countersign"), "period": is_period,
    },
)  # fmt: skip


def read_header(data: bytes) -> Json:
    """Read a header (7.1, 7.2)."""
    try:
        header: Json = strict_json(data)
    except Invalid:
        raise Refused("malformed") from None
    if (
        not header_shape(header)
        or source_of(header["id"]) != header["source"]
        or (header["type"] == RECEIPT) != ("receipt" in header)
    ):
        raise Refused("malformed")
    return header


# 4 Keys


def kid(role: str, public: bytes) -> str:
    """Name a key (4.2)."""
    return sha256(b"yizhan/kid/v1\0" + role.encode() + b"\0\x01" + public).hex()


def _contributes(u: bytes) -> bool:
    try:
        X25519PrivateKey.from_private_bytes(b"\x55" * 32).exchange(X25519PublicKey.from_public_bytes(u))
    except ValueError:
        return False
    return True


def check_signing_key(public: bytes) -> None:
    """Refuse what 4.3 refuses; small order is told by multiplying with 8, in exact arithmetic."""
    y = int.from_bytes(public, "little") % 2**255
    d = -121665 * pow(121666, -1, P) % P
    if len(public) != 32 or y >= P:
        raise Invalid("signing key")
    square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    x = next((x for x in (root, root * pow(2, (P - 1) // 4, P) % P) if x * x % P == square), None)
    if x is None:
        raise Invalid("no point")
    for _ in range(3):
        k = d * x * x * y * y
        x, y = 2 * x * y * pow(1 + k, -1, P) % P, (y * y + x * x) * pow(1 - k, -1, P) % P
    if (x, y) == (0, 1):
        raise Invalid("small order")


def check_sealing_key(public: bytes) -> None:
    """Refuse what 4.3 refuses."""
    if len(public) != 1216 or int.from_bytes(public[1184:], "little") >= P or not _contributes(public[1184:]):
        raise Invalid("sealing key")
    try:
        MLKEM768PublicKey.from_public_bytes(public[:1184])
    except ValueError:
        raise Invalid("ML-KEM key") from None


@dataclass
class Key:
    """A registered key with its time (4.5)."""

    public: bytes
    not_before: datetime
    not_after: datetime | None
    revoked: datetime | None

    def is_revoked(self, at: datetime) -> bool:
        """Tell whether it was revoked by then."""
        return self.revoked is not None and at >= self.revoked

    def holds(self, at: datetime) -> bool:
        """Tell whether it holds then."""
        ended = self.not_after is not None and at >= self.not_after
        return at >= self.not_before and not ended and not self.is_revoked(at)


# 10 Policy, 11 Charter

TYPES = [
    f"yizhan.{name}.v1"
    for name in [
        "incident.forest_fire",
        "incident.hotspot",
        "incident.natural_disaster",
        "incident.eco_crime",
        "liaison.contact",
        "liaison.consultation",
        "intelligence.report",
        "intelligence.feedback",
        "intelligence.bulletin",
        "patrol.plan",
        "patrol.report",
        "dispute.case",
        "assistance.request",
        "assistance.response",
        "outreach.campaign",
        "outreach.case_brief",
        "receipt",
        "notice",
    ]
]
LIFE = {"yizhan.incident.forest_fire.v1", "yizhan.incident.natural_disaster.v1"}
FACTS: dict[str, list[str]] = {
    "type": [*TYPES, "any other type"],
    "status": ["Actual", "Exercise", "Test"],
    "priority": ["flash", "urgent", "routine"],
    "grade": ["1", "2", "3", "4", "absent"],
    "certainty": ["Observed", "Likely", "Possible", "Unlikely", "Unknown", "absent"],
    "stage": ["first", "update", "final", "absent"],
    "worse": ["yes", "no"],
    "touches": ["recipient", "others", "absent"],
    "refers": ["withdraws", "supersedes", "reply_to", "none"],
}
both_languages = object_of({"zh": words(1, 300), "en": words(1, 300)})
row_shape = map_of(one_of(*FACTS), array(words(0, 10**6), 1), 9)
route_shape = object_of({
    "id": text(r"[a-z][a-z0-9-]{1,31}"), "when": array(row_shape, 1, 16), "because": both_languages,
    "then": one_of("alarm", "notice", "digest"),
})  # fmt: skip
policy_shape = object_of(
    {"border_strip_km": number(0, 200), "routes": array(route_shape, 1, 64)},
    {"obligations": array(lambda value: isinstance(value, dict), 0, 64)},  # 14: nothing here depends on them
)
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
PROTOCOL = {"id": "protocol", "when": [{"type": [RECEIPT, NOTICE]}], "then": "notice"}


def facts(header: Json, recipient: str) -> dict[str, str]:
    """Work out the facts of 10.2."""
    touches = header.get("touches")
    return {
        "type": header["type"] if header["type"] in TYPES else "any other type",
        "status": header["status"],
        "priority": header["priority"],
        "grade": str(header.get("grade", "absent")),
        "certainty": header.get("certainty", "absent"),
        "stage": header.get("stage", "absent"),
        "worse": "yes" if header.get("worse") else "no",
        "touches": "absent" if not touches else "recipient" if recipient in touches else "others",
        "refers": next((name for name in ("withdraws", "supersedes", "reply_to") if name in header), "none"),
    }


def matches(row: Json, known: Mapping[str, str]) -> bool:
    """Tell whether a row matches (10.1)."""
    return all(known[name] in values for name, values in row.items())


def check_routes(routes: list[Json]) -> None:
    """Refuse what 10.6 refuses, by trying every combination of the values that rows tell apart."""
    if len({route["id"] for route in routes}) != len(routes):
        raise Invalid("one id twice")
    rows = [row for route in routes for row in route["when"]]
    if any(value not in FACTS[name] for row in rows for name, values in row.items() for value in values):
        raise Invalid("an unknown value")
    if not any(
        all(set(row.get(name, values)) == set(values) for name, values in FACTS.items()) for row in routes[-1]["when"]
    ):
        raise Invalid("the last route")
    kinds = []
    for name, values in FACTS.items():
        # Values that stand in the same rows are one kind: one of each is enough to try.
        kind = {tuple(value in row.get(name, values) for row in rows): value for value in values}
        kinds.append([(name, value) for value in kind.values()])
    reached = set()
    for combination in product(*kinds):
        known = dict(combination)
        reached.add(next(index for index, row in enumerate(rows) if matches(row, known)))
    if len(reached) != len(rows):
        raise Invalid("a row is never reached")


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


# 5 Envelope, 6 Suite 1


def pae(kind: str, body: bytes) -> bytes:
    """Encode what is signed (6.1)."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(body), body)


def padded(length: int) -> int:
    """Return the padded length (6.6)."""
    n = max(length, 256)
    e = n.bit_length() - 1
    unit = 1 << (e - e.bit_length())
    return -(-n // unit) * unit


@dataclass
class Envelope:
    """A framed envelope."""

    head: bytes
    header: bytes
    kids: list[bytes]
    wraps: list[bytes]
    commit: bytes
    ciphertext: bytes
    sealed: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """What is signed (6.2)."""
        return pae("application/vnd.yizhan.envelope.v1", self.head + sha256(self.sealed))

    @property
    def context(self) -> bytes:
        """What every key is bound to (6.4)."""
        return sha256(b"yizhan/context/v1\0" + self.head)


def parse(data: bytes) -> Envelope:
    """Take an envelope apart (5.1)."""
    at = 0

    def take(length: int) -> bytes:
        nonlocal at
        if at + length > len(data):
            raise Refused("malformed")
        at += length
        return data[at - length : at]

    def integer(length: int) -> int:
        return int.from_bytes(take(length), "big")

    def need(good: bool, reason: str = "malformed") -> None:  # noqa: FBT001 -- reads as a sentence
        if not good:
            raise Refused(reason)

    def wrap() -> bytes:
        need(integer(2) == 1168)
        return take(1168)

    need(len(data) <= 900_000, "oversize")
    need(take(4) == b"YZE1")
    need(integer(1) == 1, "unknown_suite")
    header_len = integer(4)
    need(header_len <= 16_384, "oversize")
    header = take(header_len)
    n = integer(1)
    need(1 <= n <= 64)
    kids = [take(32) for _ in range(n)]
    need(all(left < right for left, right in pairwise(kids)))
    head = at
    wraps = [wrap() for _ in range(n)]
    commit = take(32)
    length = integer(4)
    need(length - 16 == padded(length - 16))
    ciphertext = take(length)
    sealed = at
    need(integer(2) == 64)
    signature = take(64)
    need(at == len(data))
    return Envelope(data[:head], header, kids, wraps, commit, ciphertext, data[head:sealed], signature)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def _expand(prk: bytes, info: bytes, length: int) -> bytes:
    out = block = b""
    for counter in range(1, 256):
        if len(out) >= length:
            break
        block = _hmac(prk, block + info + bytes([counter]))
        out += block
    return out[:length]


def unwrap(wrap: bytes, info: bytes, seed: bytes) -> bytes:
    """Open one wrap: X-Wing and HPKE written out (6.7; RFC 9180 §5.1). ``seed`` is that of 17.2."""
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
    ct_m, ct_x, ct = wrap[:1088], wrap[1088:1120], wrap[1120:]
    try:
        ss_x = x25519.exchange(X25519PublicKey.from_public_bytes(ct_x))
    except ValueError:
        raise Unopenable("wrap") from None
    label = bytes.fromhex("5c2e2f2f5e5c")
    shared = hashlib.sha3_256(
        mlkem.decapsulate(ct_m) + ss_x + ct_x + x25519.public_key().public_bytes_raw() + label
    ).digest()
    prefix = b"HPKE-v1" + b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt: bytes, name: bytes, ikm: bytes) -> bytes:
        return _hmac(salt or bytes(32), prefix + name + ikm)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key = _expand(secret, (32).to_bytes(2, "big") + prefix + b"key" + context, 32)
    nonce = _expand(secret, (12).to_bytes(2, "big") + prefix + b"base_nonce" + context, 12)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ct, b"")
    except InvalidTag:
        raise Unopenable("wrap") from None


def open_envelope(envelope: Envelope, public_kid: str, seed: bytes) -> bytes:
    """Open a verified envelope (6.8)."""
    mine = bytes.fromhex(public_kid)
    if mine not in envelope.kids:
        raise Unopenable("not_addressed")
    wrap = envelope.wraps[envelope.kids.index(mine)]
    cek = unwrap(wrap, b"yizhan/wrap/v1\0" + envelope.context + mine, seed)
    if len(cek) != 32:
        raise Unopenable("wrap")
    derived = _expand(_hmac(bytes(32), cek), b"yizhan/key/v1\0" + envelope.context, 64)
    if not hmac.compare_digest(derived[32:], envelope.commit):
        raise Unopenable("commit")
    try:
        content = AESGCM(derived[:32]).decrypt(bytes(12), envelope.ciphertext, envelope.context)
    except InvalidTag:
        raise Unopenable("ciphertext") from None
    end = content.rfind(b"\x80")
    if end < 0 or any(content[end + 1 :]) or padded(end + 1) != len(content):
        raise Unopenable("padding")
    return content[:end]


def sealing_kid(seed: bytes) -> str:
    """Name the sealing key that a seed gives (17.2)."""
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
    return kid("seal", mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())


# 8 Admission


@dataclass
class Admitted:
    """What comes in."""

    envelope: Envelope
    header: Json
    hash: bytes
    decisions: dict[str, Json]
    clock_suspect: bool


def admit(value: bytes | None, topic: str, kafka_header_bytes: int, received: datetime, charter: Charter) -> Admitted:
    """Judge a record, in the order of 8.2."""
    if kafka_header_bytes > 65_536:
        raise Refused("oversize")
    if value is None:
        raise Refused("malformed")
    envelope = parse(value)
    header = read_header(envelope.header)
    county = header["source"][:6]
    if county not in charter.members:
        raise Refused("not_a_member")
    key = charter.signing[county].get(header["kid"])
    if key is None:
        raise Refused("unknown_key")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(envelope.signature, envelope.signed)
    except InvalidSignature:
        raise Refused("bad_signature") from None
    if key.is_revoked(received):
        raise Refused("key_revoked")
    if not key.holds(received):
        raise Refused("key_not_valid")
    _check_audience(envelope, header, received, charter)
    _check_references(header)
    if topic != f"yizhan.events.{county}":
        raise Refused("wrong_topic")
    ahead = instant(header["time"]) - received > timedelta(minutes=5)
    if ahead and header["type"] not in LIFE:
        raise Refused("future_dated")
    decisions = {member: decide(header, member, charter) for member in header["to"]}
    return Admitted(envelope, header, sha256(envelope.signed), decisions, ahead)


def decide(header: Json, recipient: str, charter: Charter) -> Json:
    """Decide for one recipient (10.1)."""
    known = facts(header, recipient)
    route = next(route for route in charter.routes if any(matches(row, known) for row in route["when"]))
    return {"way": route["then"], "rule": route["id"]}


def _check_audience(envelope: Envelope, header: Json, received: datetime, charter: Charter) -> None:
    to = header["to"]
    if not charter.members.issuperset(to):
        raise Refused("not_a_member")
    owners = {name: member for member in to for name, key in charter.sealing[member].items() if key.holds(received)}
    found = sorted(owners.get(name.hex(), "") for name in envelope.kids)
    own = header["source"][:6]
    if not to or to != sorted(set(to)) or own in to or set(header["lanes"]) != set(to) or found != to:
        raise Refused("bad_audience")


def _check_references(header: Json) -> None:
    county = header["source"][:6]
    for name in ("withdraws", "supersedes", "reply_to"):
        if name in header and header[name]["id"] == header["id"]:
            raise Refused("bad_reference")
    for name in ("withdraws", "supersedes"):
        if name in header and source_of(header[name]["id"])[:6] != county:
            raise Refused("bad_reference")
    if (receipt := header.get("receipt")) is not None:
        target = receipt["source"] if "source" in receipt else source_of(receipt["event"]["id"])
        if header["to"] != [target[:6]]:
            raise Refused("bad_reference")


# 12 Statements


def postmark(
    admitted: Admitted, value: bytes, origin: Json, received: datetime, charter: Charter, seed: bytes
) -> bytes:
    """Stamp an admitted record (12.1, 12.4)."""
    said: Json = {
        "record_sha256": sha256(value).hex(),
        "origin": origin,
        "received": written(received),
        "charter": charter.name,
        "id": admitted.header["id"],
        "hash": admitted.hash.hex(),
        "decisions": admitted.decisions,
    }
    if admitted.clock_suspect:
        said["clock_suspect"] = True
    kind, payload = "application/vnd.yizhan.postmark.v1+json", compact(said)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    signature = base64.b64encode(key.sign(pae(kind, payload))).decode()
    keyid = kid("sign", key.public_key().public_bytes_raw())
    return compact(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"keyid": keyid, "sig": signature}],
        }
    )


# Clause 19: files.
CHUNK = 524_288


def file_chunks(size: int) -> int:
    """Clause 19.2: how many chunks a file of so many bytes has."""
    return (padded(size) + CHUNK - 1) // CHUNK


def seal_file(key: bytes, plain: bytes) -> tuple[bytes, list[bytes]]:
    """Clauses 19.2 to 19.4: the root of a file and its records."""
    whole = plain + bytes(padded(len(plain)) - len(plain))
    count = file_chunks(len(plain))
    chunks = []
    for i in range(count):
        nonce = i.to_bytes(11, "big") + (b"\1" if i == count - 1 else b"\0")
        chunks.append(AESGCM(key).encrypt(nonce, whole[i * CHUNK : (i + 1) * CHUNK], None))
    leaves = [hashlib.sha256(b"\0" + chunk).digest() for chunk in chunks]
    root = _subtree(leaves)
    records = []
    for i, chunk in enumerate(chunks):
        path = _path(i, leaves)
        head = b"YZC1" + root + i.to_bytes(4, "big") + count.to_bytes(4, "big") + bytes([len(path)])
        records.append(head + b"".join(path) + chunk)
    return root, records


def _split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def _subtree(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\1" + _subtree(leaves[:k]) + _subtree(leaves[k:])).digest()


def _path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1, as it is written there."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*_path(m, leaves[:k]), _subtree(leaves[k:])]
    return [*_path(m - k, leaves[k:]), _subtree(leaves[:k])]
