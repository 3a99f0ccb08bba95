"""Keys: what may be registered, and how private ones are kept."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.world.simulator import seed
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.keys import (
    SealingKey,
    SealingPublicKey,
    SigningKey,
    SigningPublicKey,
    kid,
    load_sealing,
    load_signing,
    read_private,
    save,
)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SIGNING = SigningKey.from_seed(seed("a signing key"))
SEALING = SealingKey.from_seed(seed("a sealing key", 96))
Point = tuple[int, int]


def add(p: Point, q: Point) -> Point:
    """Add two points of edwards25519 (RFC 8032 §5.1.4, affine)."""
    (x1, y1), (x2, y2) = p, q
    k = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def times(n: int, p: Point) -> Point:
    """Multiply a point."""
    result = (0, 1)
    for bit in f"{n:b}":
        result = add(result, result)
        if bit == "1":
            result = add(result, p)
    return result


def x_of(y: int) -> int | None:
    """Recover x from y (RFC 8032 §5.1.3); None if y is on no point."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    for x in (pow(square, (P + 3) // 8, P), pow(square, (P + 3) // 8, P) * pow(2, (P - 1) // 4, P) % P):
        if x * x % P == square:
            return x
    return None


def torsion() -> set[Point]:
    """Return the eight points whose order divides 8: what is left of a point times L."""
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        x = x_of(y)
        if x is not None:
            point = times(L, (x, y))
            found |= {times(n, point) for n in range(1, 9)}
        y += 1
    return found


SMALL = sorted(
    (y | sign << 255).to_bytes(32, "little")
    for (_, point_y) in torsion()
    for y in (point_y, point_y + P)
    for sign in (0, 1)
    if y < 2**255
)
# u of the small-order points of Curve25519 and of its twist (RFC 7748 §6.1), with their second spellings.
SMALL_U = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
    P,
    P + 1,
)


def test_a_key_is_named_by_role_suite_and_bytes() -> None:
    """A kid is SHA-256 over its own prefix, so a signing key is never taken for a sealing key."""
    public = SIGNING.public.raw
    assert SIGNING.kid == hashlib.sha256(b"yizhan/kid/v1\0sign\0\x01" + public).hexdigest()
    assert kid("seal", public) != kid("sign", public)
    assert (len(SIGNING.public.raw), len(SEALING.public.raw)) == (32, 1216)


@pytest.mark.parametrize("public", SMALL, ids=bytes.hex)
def test_no_point_of_small_order_signs(public: bytes) -> None:
    """None of the eight torsion points loads, in any of their spellings."""
    with pytest.raises(ValueError, match=r"small order|not a canonical"):
        SigningPublicKey(public)


def test_why_small_order_is_refused() -> None:
    """Under the neutral point one made-up signature verifies for any message: the library lets it."""
    neutral = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), b"any message")


@pytest.mark.parametrize("y", [2, 7, 8, 11, 12, 13])
def test_what_is_no_point_is_no_key(y: int) -> None:
    """A y on no point of the curve could never verify anything, and does not load."""
    assert x_of(y) is None
    with pytest.raises(ValueError, match="not a point"):
        SigningPublicKey(y.to_bytes(32, "little"))


@pytest.mark.parametrize("y", [P, P + 1, P + 3, 2**255 - 1])
def test_a_signing_key_has_one_spelling(y: int) -> None:
    """A y of p or more is a second spelling and is refused (RFC 8032 §5.1.3)."""
    for sign in (0, 1):
        with pytest.raises(ValueError, match="not a canonical"):
            SigningPublicKey((y | sign << 255).to_bytes(32, "little"))


@pytest.mark.parametrize("u", SMALL_U)
def test_no_point_of_small_order_is_sealed_to(u: int) -> None:
    """An X25519 point that contributes nothing does not load, in any spelling."""
    for value in (u, u | 1 << 255):
        with pytest.raises(ValueError, match=r"small order|not a canonical"):
            SealingPublicKey(SEALING.public.raw[:1184] + value.to_bytes(32, "little"))


def test_a_sealing_key_has_one_spelling() -> None:
    """The top bit, which X25519 ignores, may not be set: both sides hash these bytes."""
    raw = SEALING.public.raw
    with pytest.raises(ValueError, match="not a canonical"):
        SealingPublicKey(raw[:-1] + bytes([raw[-1] | 0x80]))


def test_an_ml_kem_key_is_checked() -> None:
    """Coefficients of q or more are refused (FIPS 203 §7.2)."""
    with pytest.raises(ValueError, match="ML-KEM"):
        SealingPublicKey(b"\xff" * 1184 + SEALING.public.raw[1184:])


@pytest.mark.parametrize("length", [0, 31, 33, 64, 1215, 1216, 1217])
def test_lengths_are_exact(length: int) -> None:
    """A key of another length loads in neither role."""
    with pytest.raises(ValueError, match="expected an Ed25519"):
        SigningPublicKey(bytes(length))
    with pytest.raises(ValueError, match=r"expected a sealing key|small order|ML-KEM"):
        SealingPublicKey(bytes(length))


@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_a_signature_of_another_length_does_not_hold(length: int) -> None:
    """It is false, not an exception."""
    assert not SIGNING.public.verifies(bytes(length), b"message")


def test_signatures_hold_and_are_deterministic() -> None:
    """The same key and message give the same 64 bytes; another message does not hold."""
    signature = SIGNING.sign(b"message")
    assert signature == SIGNING.sign(b"message")
    assert SIGNING.public.verifies(signature, b"message")
    assert not SIGNING.public.verifies(signature, b"massage")


@pytest.mark.parametrize(
    ("key", "passphrase"),
    [
        (SIGNING, None),
        (SEALING, None),
        (SIGNING, "密码".encode()),
        *(
            pytest.param(key, word, marks=pytest.mark.exhaustive)
            for key, word in ((SIGNING, b"a passphrase"), (SEALING, b"a passphrase"), (SEALING, "密码".encode()))
        ),
    ],
)
def test_a_key_file_is_its_owners_alone(key: SigningKey | SealingKey, passphrase: bytes | None, tmp_path: Path) -> None:
    """It is written with mode 0600, named by role and kid, and gives the same key back."""
    path = save(key, tmp_path / "keys", passphrase)
    assert path.name == f"{key.role}-{key.kid[:8]}.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    load = load_signing if key.role == "sign" else load_sealing
    assert load(path, passphrase).kid == key.kid


def test_a_key_file_is_never_written_over(tmp_path: Path) -> None:
    """Saving where a file stands is refused, and the file stays."""
    path = save(SIGNING, tmp_path)
    before = path.read_bytes()
    with pytest.raises(KeyFileInvalid, match="已经有了"):
        save(SIGNING, tmp_path, b"passphrase")
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o602, 0o610])
def test_a_key_file_open_to_others_is_not_used(mode: int, tmp_path: Path) -> None:
    """Any right of group or others, and the error says chmod."""
    path = save(SIGNING, tmp_path)
    path.chmod(mode)
    with pytest.raises(KeyFileInvalid, match="chmod 600"):
        load_signing(path)


def test_what_is_no_key_file_is_not_used(tmp_path: Path) -> None:
    """A folder, a missing file and rubbish are errors that name the file or what was expected."""
    with pytest.raises(KeyFileInvalid, match="目录"):
        read_private(tmp_path)
    with pytest.raises(KeyFileInvalid, match="没有这个文件"):
        read_private(tmp_path / "missing.pem")
    for content in (b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(KeyFileInvalid, match="应为"):
            SigningKey.from_pem(content)
        with pytest.raises(KeyFileInvalid, match="应为"):
            SealingKey.from_pem(content)


def test_a_key_of_another_role_is_not_used() -> None:
    """A sealing key's file is no signing key, half of one no sealing key, two no one."""
    half = SEALING.pem().split(b"-----END PRIVATE KEY-----\n")[0] + b"-----END PRIVATE KEY-----\n"
    for data in (SEALING.pem(), half, SIGNING.pem() * 2):
        with pytest.raises(KeyFileInvalid):
            SigningKey.from_pem(data)
    for data in (SIGNING.pem(), half, SEALING.pem() + SIGNING.pem()):
        with pytest.raises(KeyFileInvalid):
            SealingKey.from_pem(data)


@pytest.mark.parametrize("key", [SIGNING, SEALING], ids=["sign", "seal"])
def test_a_locked_key_says_so(key: SigningKey | SealingKey) -> None:
    """Without its passphrase, with a wrong one, or with one too many: three sentences."""
    locked = key.pem(b"right")  # slow, as it should be
    with pytest.raises(KeyFileInvalid, match="上了锁"):
        type(key).from_pem(locked)
    with pytest.raises(KeyFileInvalid, match="口令不对"):
        type(key).from_pem(locked, b"wrong")
    with pytest.raises(KeyFileInvalid, match="没有上锁"):
        type(key).from_pem(key.pem(), b"needless")


def test_generated_keys_differ() -> None:
    """Every generated key is another."""
    assert SigningKey.generate().kid != SigningKey.generate().kid
    assert SealingKey.generate().kid != SealingKey.generate().kid
