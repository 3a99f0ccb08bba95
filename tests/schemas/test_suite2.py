"""Suite 2: SM2, SM3, SM4. What other people computed is computed here too; what they refuse is refused.

``tests/vectors/suite2`` was made by two implementations (Python and Go) that agreed on it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat import asn1

from tests.world.each import each
from tests.world.simulator import World
from yizhan.schemas import sm2
from yizhan.schemas.envelope import UnverifiedEnvelope, VerifiedEnvelope, open_verified, parse_envelope, seal
from yizhan.schemas.envelope import verify_envelope as verify
from yizhan.schemas.errors import BadSignature, KeyFileInvalid, UnknownSuite, Unopenable
from yizhan.schemas.keys import read_private, save
from yizhan.schemas.sm2_keys import SM2SealingKey, SM2SealingPublicKey, SM2SigningKey, SM2SigningPublicKey
from yizhan.schemas.suites import SUITE_1, SUITE_2

VECTORS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[1] / "vectors" / "suite2").glob("*.json"))
}
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
SIGNER, OPENER = SM2SigningKey.generate(), SM2SealingKey.generate()
HEADER = World().header().model_copy(update={"kid": SIGNER.kid})
LETTER = parse_envelope(seal(HEADER, b"payload", [OPENER.public], SIGNER))


def numbers(*values: int) -> bytes:
    """Write numbers of 32 bytes."""
    return b"".join(value.to_bytes(32, "big") for value in values)


def opens(envelope: UnverifiedEnvelope, key: SM2SealingKey) -> bytes:
    """Open an envelope whose header is no header of ours."""
    return open_verified(VerifiedEnvelope(envelope, None), [key])  # type: ignore[arg-type] # nothing reads it


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_of_others_hold(name: str) -> None:
    """Keys, names, signatures, hashes and contents are what two implementations agreed on; so are the refusals."""
    case = VECTORS[name]
    envelope = parse_envelope(bytes.fromhex(case["envelope"]), SUITE_2)
    sender = SM2SigningPublicKey(bytes.fromhex(case["sender"]["pk"]))
    assert (sender.kid, envelope.unverified_header.hex()) == (case["sender"]["kid"], case["header"])
    assert envelope.context.hex() == case["steps"]["context"]
    assert sender.verifies(envelope.signature, envelope.signed) is ("refused" not in case)
    assert case.get("refused", "bad_signature") == "bad_signature"
    if "hash" in case:
        assert envelope.hash.hex() == case["hash"]
    for one in case["recipients"]:
        key = SM2SealingKey(sm2.PrivateKey(bytes.fromhex(one["sk"])))
        assert (key.public.raw.hex(), key.kid) == (one["pk"], one["kid"])
        if "unopenable" in case:
            with pytest.raises(Unopenable) as error:
                opens(envelope, key)
            assert error.value.cause == case["unopenable"]
        else:
            assert opens(envelope, key).hex() == case["payload"]


def test_what_was_sealed_is_what_opens() -> None:
    """Under a charter of suite 2 an envelope verifies and opens; under one of suite 1 it is refused by its name."""
    data = seal(HEADER, b"payload", [OPENER.public], SIGNER)
    verified = verify(data, lambda _: SIGNER.public, SUITE_2)
    assert (verified.header, open_verified(verified, [OPENER])) == (HEADER, b"payload")
    with pytest.raises(UnknownSuite):
        verify(data, lambda _: SIGNER.public, SUITE_1)
    with pytest.raises(BadSignature):
        verify(data, lambda _: SM2SigningKey.generate().public, SUITE_2)
    with pytest.raises(ValueError, match="suite"):
        seal(HEADER, b"payload", [next(iter(World().counties.values())).sealing.public], SIGNER)


def flipped(data: bytes, place: int) -> bytes:
    """Change the lowest bit of one byte."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@each("change, cause", [
    *(({"wraps": place}, "wrap") for place in range(0, 160, 3)),
    *(({"ciphertext": place}, "ciphertext") for place in (0, 100, 271)),
    ({"commit": 0}, "commit"),
])  # fmt: skip
def test_no_bit_of_what_was_sealed_may_change(change: dict[str, int], cause: str) -> None:
    """One flipped bit anywhere is noticed, and a wrap's fault has one cause, wherever it is."""
    envelope, (name, place) = LETTER, next(iter(change.items()))
    old = envelope.wraps[0] if name == "wraps" else getattr(envelope, name)
    new: Any = flipped(old, place)
    fields: dict[str, Any] = {name: (new,) if name == "wraps" else new}
    bad = replace(envelope, **fields)
    with pytest.raises(Unopenable) as error:
        opens(bad, OPENER)
    assert error.value.cause == cause


X, Y = OPENER.public.raw[1:33], OPENER.public.raw[33:]


@each("public", [
    b"",
    OPENER.public.raw[:-1],
    OPENER.public.raw + b"\0",
    b"\0",  # the point at infinity
    bytes([2 + Y[-1] % 2]) + X,  # compressed
    bytes([6 + Y[-1] % 2]) + X + Y,  # hybrid
    b"\4" + X + numbers((int.from_bytes(Y, "big") + 1) % P),  # not on the curve
    b"\4" + bytes(64),
    b"\4" + numbers(P) + Y,
    b"\4" + X + numbers(2**256 - 1),
])  # fmt: skip
def test_public_keys_have_one_form(public: bytes) -> None:
    """Other lengths, compressed and hybrid points, points off the curve or spelt twice are no keys."""
    with pytest.raises(ValueError, match="SM2"):
        SM2SealingPublicKey(public)


@each("secret", [bytes(32), numbers(N - 1), numbers(N), bytes(31), bytes(32) + b"\1"])
def test_private_keys_have_one_form(secret: bytes) -> None:
    """Numbers from 1 to n - 2, in 32 bytes."""
    with pytest.raises(ValueError, match="SM2"):
        sm2.PrivateKey(secret)


def test_the_last_private_key_has_its_public_half() -> None:
    """N - 2 gives -2G."""
    assert sm2.PrivateKey(numbers(N - 2)).public.raw == b"\4" + _double_negated()


def _double_negated() -> bytes:
    """Return -2G, the public key of n - 2: the tangent at G, by the textbook."""
    x = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
    y = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
    slope = (3 * x * x - 3) * pow(2 * y, -1, P) % P
    x2 = (slope * slope - 2 * x) % P
    return numbers(x2, -(slope * (x - x2) - y) % P)


SIGNATURE = SIGNER.sign(b"message")
R, S = SIGNATURE[:32], SIGNATURE[32:]


@each("bad", [
    SIGNER.sign(b"other"), bytes(32) + S, R + bytes(32), numbers(N) + S, R + numbers(N), S + R, SIGNATURE[:-1],
    SIGNATURE + b"\0", b"",
])  # fmt: skip
def test_signatures_have_one_form(bad: bytes) -> None:
    """Two numbers from 1 to n - 1, 32 bytes each; another message's signature, and other forms, do not hold."""
    assert SIGNER.public.verifies(SIGNATURE, b"message")
    assert not SIGNER.public.verifies(bad, b"message")


@pytest.mark.parametrize("passphrase", [None, b"pass phrase"])
def test_key_files_are_those_of_openssl(tmp_path: Path, passphrase: bytes | None) -> None:
    """A file opens with its passphrase alone, here and by ``openssl``, which reads the same public key."""
    path = save(SIGNER, tmp_path, passphrase)
    assert SM2SigningKey.from_pem(read_private(path), passphrase).kid == SIGNER.kid
    for wrong in {None, b"pass phrase", b"wrong"} - {passphrase}:
        with pytest.raises(KeyFileInvalid):
            SM2SigningKey.from_pem(read_private(path), wrong)
    if passphrase is None:  # a locked one needs more memory than openssl allows itself (64 MiB of scrypt)
        read = ["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"]
        assert subprocess.run(read, check=True, capture_output=True).stdout.endswith(SIGNER.public.raw)


def test_a_key_of_openssl_is_read() -> None:
    """``openssl genpkey`` writes a key with its public half; a key of another curve is none of ours."""
    make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt"]
    ours = subprocess.run([*make, "ec_paramgen_curve:SM2"], check=True, capture_output=True).stdout
    assert SM2SigningKey.from_pem(ours).public.raw[0] == 4
    other = subprocess.run([*make, "ec_paramgen_curve:P-256"], check=True, capture_output=True).stdout
    with pytest.raises(KeyFileInvalid):
        SM2SigningKey.from_pem(other)


def test_a_signature_holds_for_openssl(tmp_path: Path) -> None:
    """``openssl pkeyutl`` verifies what we sign, and we what it signs, where both name the user id of the standard."""
    key, message, signature = save(SIGNER, tmp_path), tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"message")
    raw = SIGNER.sign(b"message")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    signature.write_bytes(asn1.encode_der(sm2.DERSignature(r=r, s=s)))
    files = ["-inkey", str(key), "-in", str(message), "-rawin", "-digest", "sm3"]
    words = [*files, "-pkeyopt", "distid:1234567812345678"]
    check = ["openssl", "pkeyutl", "-verify", *words, "-sigfile", str(signature)]
    subprocess.run(check, check=True, capture_output=True)
    made = subprocess.run(["openssl", "pkeyutl", "-sign", *words], check=True, capture_output=True).stdout
    theirs = asn1.decode_der(sm2.DERSignature, made)
    assert SIGNER.public.verifies(numbers(theirs.r, theirs.s), b"message")
    without_id = subprocess.run(["openssl", "pkeyutl", "-sign", *files], check=True, capture_output=True).stdout
    theirs = asn1.decode_der(sm2.DERSignature, without_id)
    assert not SIGNER.public.verifies(numbers(theirs.r, theirs.s), b"message")


def test_a_wrap_opens_for_openssl(tmp_path: Path) -> None:
    """The first 112 bytes of a wrap are SM2 encryption: ``openssl`` finds the key in it, and the box opens with it."""
    context, cek = bytes(32), bytes(range(32))
    wrap = OPENER.public.wrap(context, cek)
    x, y = int.from_bytes(wrap[:32], "big"), int.from_bytes(wrap[32:64], "big")
    path, sealed = save(OPENER, tmp_path), tmp_path / "sealed"
    sealed.write_bytes(asn1.encode_der(sm2.DERCiphertext(x=x, y=y, c3=wrap[64:96], c2=wrap[96:112])))
    command = ["openssl", "pkeyutl", "-decrypt", "-inkey", str(path), "-in", str(sealed)]
    kek = subprocess.run(command, check=True, capture_output=True).stdout
    bound = sm2.sm3(b"yizhan/wrap/v2\0", context, bytes.fromhex(OPENER.kid))
    assert SUITE_2.decrypt(kek, wrap[112:], bound) == cek
