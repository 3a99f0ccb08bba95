"""SM2 (GB/T 32918.1-2016, RFC 8998) by the system's libcrypto, 3.0 or later: signatures over a digest, encryption.

Rule 1: what libraries judge differently is judged here, before one of them sees it: points not on the curve or
        spelt in a second way, numbers out of range, a ciphertext of zeros.
Rule 2: everything has one form: public keys 65 bytes (04 | x | y), private keys, r and s 32 bytes each, big-endian.
        DER exists between this file and libcrypto only.
Rule 3: a libcrypto that computes wrongly is not used: the examples of GB/T 32918.5-2017 are computed first, once.

libcrypto is called through ctypes, which releases the interpreter's lock; ``cryptography`` has no SM2.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked
from yizhan.schemas.pem import armoured

if TYPE_CHECKING:
    from collections.abc import Callable

USER_ID: Final = b"1234567812345678"
"""The user id of GB/T 35276-2017, section 10, and of RFC 8998; OpenSSL's own default is the empty one."""
PUBLIC_BYTES: Final = 65
SIGNATURE_BYTES: Final = 64
_UNCOMPRESSED: Final = 4
_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G: Final = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
# AlgorithmIdentifier: id-ecPublicKey (RFC 5480) with the curve 1.2.156.10197.1.301.
_ALGORITHM: Final = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
_SPKI: Final = bytes.fromhex("3059") + _ALGORITHM + bytes.fromhex("034200")
_PKCS8: Final = bytes.fromhex("3041020100") + _ALGORITHM + bytes.fromhex("0427302502010104" + "20")


class SM2Unavailable(YizhanError):
    """This machine has no libcrypto that computes SM2 rightly."""


@asn1.sequence
class DERSignature:
    """GM/T 0009-2012, section 7.3: what libcrypto makes and takes."""

    r: int
    s: int


@asn1.sequence
class DERCiphertext:
    """GM/T 0009-2012, section 7.2."""

    x: int
    y: int
    c3: bytes
    c2: bytes


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """What SM2 encryption gives: C1 as x | y (64 bytes), C3 (32 bytes), C2 (as long as the plaintext)."""

    c1: bytes
    c3: bytes
    c2: bytes


def sm3(*parts: bytes) -> bytes:
    """Return the SM3 digest of the parts, 32 bytes (GB/T 32905-2016)."""
    digest = hashes.Hash(hashes.SM3())
    for part in parts:
        digest.update(part)
    return digest.finalize()


def signing_digest(public: bytes, message: bytes, user: bytes = USER_ID) -> bytes:
    """Return e = SM3(Z | message), 32 bytes, which a key signs (GB/T 32918.2-2016, sections 5.5 and 6.1)."""
    curve = b"".join(number.to_bytes(32, "big") for number in (_A, _B, *_G))
    return sm3(sm3((8 * len(user)).to_bytes(2, "big"), user, curve, public[1:]), message)


def is_point(x_y: bytes) -> bool:
    """Tell whether 64 bytes are a point of the curve in its one spelling: both coordinates below p."""
    x, y = int.from_bytes(x_y[:32], "big"), int.from_bytes(x_y[32:], "big")
    return len(x_y) == SIGNATURE_BYTES and max(x, y) < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


class PublicKey:
    """A public key that was checked when it entered."""

    def __init__(self, raw: bytes) -> None:
        """Take 65 bytes: 04 | x | y.

        Raises:
            ValueError: another length or form, a coordinate not below p, or not a point of the curve.
            SM2Unavailable: as rule 3 says.
        """
        if len(raw) != PUBLIC_BYTES or raw[0] != _UNCOMPRESSED:
            message = f"expected an SM2 public key of {PUBLIC_BYTES} bytes that begins with 04, got {len(raw)} bytes"
            raise ValueError(message)
        if not is_point(raw[1:]):
            message = "not a point of the SM2 curve in its one spelling"
            raise ValueError(message)
        self.raw = raw
        self._handle = _library().public(_SPKI + raw)

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """Tell whether r | s holds over e, 32 bytes (GB/T 32918.2-2016, section 7.1)."""
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if len(signature) != SIGNATURE_BYTES or not (1 <= r < _N and 1 <= s < _N):
            return False
        return _library().verify(self._handle, asn1.encode_der(DERSignature(r=r, s=s)), digest)

    def encrypt(self, plaintext: bytes) -> Ciphertext:
        """Encrypt a few bytes (GB/T 32918.4-2016, section 6.1), not the same twice."""
        found = asn1.decode_der(DERCiphertext, _library().run("encrypt", self._handle, plaintext))
        return Ciphertext(found.x.to_bytes(32, "big") + found.y.to_bytes(32, "big"), found.c3, found.c2)


class PrivateKey:
    """A private key with its public half."""

    def __init__(self, secret: bytes) -> None:
        """Take d, 32 bytes (``ValueError`` unless 1 ≤ d ≤ n − 2)."""
        if len(secret) != 32 or not 1 <= int.from_bytes(secret, "big") <= _N - 2:  # noqa: PLR2004
            message = "expected an SM2 private key of 32 bytes, from 1 to n - 2"
            raise ValueError(message)
        self.secret = secret
        self._handle = _library().private(_PKCS8 + secret)
        self.public = PublicKey(_library().public_half(self._handle)[len(_SPKI) :])

    @classmethod
    def generate(cls) -> PrivateKey:
        """Make a new one from the system's randomness."""
        return cls((1 + secrets.randbelow(_N - 2)).to_bytes(32, "big"))

    def sign(self, digest: bytes) -> bytes:
        """Sign e, 32 bytes; return r | s, not the same twice (GB/T 32918.2-2016, section 6.1)."""
        found = asn1.decode_der(DERSignature, _library().run("sign", self._handle, digest))
        return found.r.to_bytes(32, "big") + found.s.to_bytes(32, "big")

    def decrypt(self, sealed: Ciphertext) -> bytes:
        """Decrypt (GB/T 32918.4-2016, section 7.1).

        Raises:
            ValueError: C1 is not a point in its one spelling, C2 is all zeros, or C3 does not fit.
        """
        if not is_point(sealed.c1) or not any(sealed.c2):
            message = "not a ciphertext of SM2"
            raise ValueError(message)
        x, y = int.from_bytes(sealed.c1[:32], "big"), int.from_bytes(sealed.c1[32:], "big")
        der = asn1.encode_der(DERCiphertext(x=x, y=y, c3=sealed.c3, c2=sealed.c2))
        return _library().run("decrypt", self._handle, der)

    def private_bytes(self, encoding: Encoding, _format: object = None, _encryption: object = None) -> bytes:
        """Return PKCS 8, not locked and without the public half (RFC 5208, RFC 5915), as pyca's keys do."""
        der = _PKCS8 + self.secret
        return der if encoding is Encoding.DER else armoured(b"PRIVATE KEY", der)

    @classmethod
    def from_pkcs8(cls, der: bytes) -> PrivateKey:
        """Read PKCS 8 DER as it is written here or by OpenSSL (``ValueError`` for another key)."""
        return cls(_library().secret(_library().private(der)))


class _Handle:
    """An ``EVP_PKEY`` that is freed with its last user."""

    def __init__(self, pointer: int, free: Callable[[int], None]) -> None:
        self.pointer, self._free = pointer, free

    def __del__(self) -> None:
        self._free(self.pointer)


class _LibCrypto:
    """The functions of libcrypto that are needed. Each thread may call them at once."""

    def __init__(self, path: str) -> None:
        lib = ctypes.CDLL(path)
        pointer, size, data = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
        place = ctypes.POINTER(ctypes.c_char_p)
        for name, answer, arguments in (
            ("d2i_PUBKEY", pointer, (pointer, place, ctypes.c_long)),
            ("d2i_AutoPrivateKey", pointer, (pointer, place, ctypes.c_long)),
            ("i2d_PUBKEY", ctypes.c_int, (pointer, pointer)),
            ("EVP_PKEY_free", None, (pointer,)),
            ("EVP_PKEY_is_a", ctypes.c_int, (pointer, data)),
            ("EVP_PKEY_get_bn_param", ctypes.c_int, (pointer, data, ctypes.POINTER(pointer))),
            ("BN_bn2binpad", ctypes.c_int, (pointer, pointer, ctypes.c_int)),
            ("BN_clear_free", None, (pointer,)),
            ("EVP_PKEY_CTX_new", pointer, (pointer, pointer)),
            ("EVP_PKEY_CTX_free", None, (pointer,)),
            ("EVP_PKEY_verify_init", ctypes.c_int, (pointer,)),
            ("EVP_PKEY_verify", ctypes.c_int, (pointer, data, size, data, size)),
            ("ERR_clear_error", None, ()),
            *((f"EVP_PKEY_{what}_init", ctypes.c_int, (pointer,)) for what in ("sign", "encrypt", "decrypt")),
            *(
                (f"EVP_PKEY_{what}", ctypes.c_int, (pointer, pointer, ctypes.POINTER(size), data, size))
                for what in ("sign", "encrypt", "decrypt")
            ),
        ):
            function = getattr(lib, name)
            function.restype, function.argtypes = answer, arguments
        self._lib = lib

    def public(self, spki: bytes) -> _Handle:
        return self._loaded(self._lib.d2i_PUBKEY(None, ctypes.byref(ctypes.c_char_p(spki)), len(spki)))

    def private(self, pkcs8: bytes) -> _Handle:
        return self._loaded(self._lib.d2i_AutoPrivateKey(None, ctypes.byref(ctypes.c_char_p(pkcs8)), len(pkcs8)))

    def _loaded(self, found: int | None) -> _Handle:
        self._lib.ERR_clear_error()
        if not found:
            message = "not an SM2 key"
            raise ValueError(message)
        handle = _Handle(found, self._lib.EVP_PKEY_free)
        if not self._lib.EVP_PKEY_is_a(found, b"SM2"):
            message = "a key of another kind than SM2"
            raise ValueError(message)
        return handle

    def public_half(self, handle: _Handle) -> bytes:
        room = ctypes.create_string_buffer(256)
        length = self._lib.i2d_PUBKEY(handle.pointer, ctypes.byref(ctypes.c_void_p(ctypes.addressof(room))))
        return room.raw[:length]

    def secret(self, handle: _Handle) -> bytes:
        number, room = ctypes.c_void_p(), ctypes.create_string_buffer(32)
        if not self._lib.EVP_PKEY_get_bn_param(handle.pointer, b"priv", ctypes.byref(number)):
            message = "not a private key"
            raise ValueError(message)
        self._lib.BN_bn2binpad(number, room, 32)
        self._lib.BN_clear_free(number)
        return room.raw

    def verify(self, handle: _Handle, signature: bytes, digest: bytes) -> bool:
        context = self._lib.EVP_PKEY_CTX_new(handle.pointer, None)
        try:
            if self._lib.EVP_PKEY_verify_init(context) != 1:
                return False
            return bool(self._lib.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest)) == 1)
        finally:
            self._lib.EVP_PKEY_CTX_free(context)
            self._lib.ERR_clear_error()

    def run(self, what: str, handle: _Handle, data: bytes) -> bytes:
        """Sign, encrypt or decrypt (``ValueError`` if libcrypto says no)."""
        room, length = ctypes.create_string_buffer(len(data) + 256), ctypes.c_size_t(len(data) + 256)
        context = self._lib.EVP_PKEY_CTX_new(handle.pointer, None)
        try:
            ready = getattr(self._lib, f"EVP_PKEY_{what}_init")(context) == 1
            work = getattr(self._lib, f"EVP_PKEY_{what}")
            if not ready or work(context, room, ctypes.byref(length), data, len(data)) != 1:
                message = f"SM2 does not {what} this"
                raise ValueError(message)
            return room.raw[: length.value]
        finally:
            self._lib.EVP_PKEY_CTX_free(context)
            self._lib.ERR_clear_error()


# GB/T 32918.5-2017, annex A: the private key, the signature of "message digest", the ciphertext.
_EXAMPLE_KEY: Final = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
_EXAMPLE_SIGNATURE: Final = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)
_EXAMPLE_CIPHERTEXT: Final = Ciphertext(
    bytes.fromhex(
        "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
        "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
    ),
    bytes.fromhex("59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"),
    bytes.fromhex("21886ca989ca9c7d58087307ca93092d651efa"),
)


@cache
def check_library() -> None:
    """Compute the standard's examples, and sign and encrypt once; once a process.

    Raises:
        SM2Unavailable: there is no libcrypto, or it computes something else.
    """
    _library()
    try:
        key = PrivateKey(_EXAMPLE_KEY)
        digest = signing_digest(key.public.raw, b"message digest")
        good = (
            key.public.verifies(_EXAMPLE_SIGNATURE, digest)
            and not key.public.verifies(_EXAMPLE_SIGNATURE, sm3(digest))
            and key.public.verifies(key.sign(digest), digest)
            and key.decrypt(_EXAMPLE_CIPHERTEXT) == b"encryption standard"
            and key.decrypt(key.public.encrypt(digest)) == digest
        )
    except ValueError:
        good = False
    if not good:
        raise SM2Unavailable(marked("这台机器的 OpenSSL（libcrypto）算不对 SM2，不能使用；请更换版本"))


@cache
def _library() -> _LibCrypto:
    path = ctypes.util.find_library("crypto")
    try:
        return _LibCrypto(path or "libcrypto.so.3")
    except (OSError, AttributeError) as error:
        sentence = marked("这台机器没有可用于 SM2 的 OpenSSL 3（libcrypto）：{error}；请安装后再启动")
        raise SM2Unavailable(sentence, error=str(error)) from error
