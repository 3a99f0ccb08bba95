"""Passwords, codes of an authenticator, one-time codes, and random tokens.

Rule 1: a password is kept as Argon2id (RFC 9106) in a PHC string, with at most two derivations at a time: each takes
        64 MiB. Who would have to wait for long is refused at once.
Rule 2: whoever does not exist costs the same derivation as whoever does.
Rule 3: a step of TOTP (RFC 6238) is good once: the caller keeps the last one that was used.
Rule 4: what is random and long (tokens, one-time codes) is kept as its SHA-256.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from yizhan.desk.accounts.errors import AccountError, SignInBusy
from yizhan.schemas.i18n import marked

AT_A_TIME: Final = 2
IN_THE_QUEUE: Final = 10
"""Most callers that derive or wait to. Many: they hold the threads that other pages need."""
SHORTEST: Final = 12
LONGEST: Final = 200
_FEWEST_DIFFERENT: Final = 5
_FEW_STEPS: Final = 2
"""From one character to the next: a password of one or two is a row such as 123456789012."""
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
STEP_SECONDS: Final = 30
DIGITS: Final = 6
_SECRET_BYTES: Final = 20
ONE_TIME_CODES: Final = 10
_LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Of one-time codes: none that is read as another one."""
_HALF: Final = 5
_NO_SECRET: Final = bytes(_SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one derivation of Argon2id costs."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


class Passwords:
    """Derives and checks passwords, a few at a time (rule 1)."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._turns = threading.BoundedSemaphore(AT_A_TIME)
        self._queue = threading.BoundedSemaphore(IN_THE_QUEUE)
        self._nobody = self._phc_of_nobody()

    def hashed(self, password: str) -> str:
        """Return the PHC string of a password (``SignInBusy``: too many at once)."""
        cost = self._cost
        kdf = Argon2id(
            salt=secrets.token_bytes(_SALT_BYTES),
            length=_HASH_BYTES,
            iterations=cost.iterations,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        with self._turn():
            return kdf.derive_phc_encoded(_normal(password))

    def matches(self, password: str, phc: str | None) -> bool:
        """Return whether a password is the one; for None, which nobody has, after the same work (rule 2)."""
        with self._turn():
            try:
                Argon2id.verify_phc_encoded(_normal(password[:LONGEST]), phc or self._nobody)
            except InvalidKey:
                return False
        return phc is not None

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise SignInBusy(marked("此刻登录的人太多，请过几秒再试"))
        try:
            with self._turns:
                yield
        finally:
            self._queue.release()

    def _phc_of_nobody(self) -> str:
        """Return a PHC string that no password has, made without a derivation."""
        salt, key = (
            base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES)
        )
        return f"$argon2id$v=19$m={self._cost.memory_kib},t={self._cost.iterations},p={self._cost.lanes}${salt}${key}"


def _normal(password: str) -> bytes:
    """Return the bytes of a password, the same from every keyboard (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_password(password: str, badge: str, name: str, *, field: str = "password") -> None:
    """Raise ``AccountError`` if a new password is too easy to guess; of its kinds of characters nothing is demanded."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    if len(plain) < SHORTEST:
        raise AccountError(
            marked("口令至少 {shortest} 个字符，几个互不相干的词连起来就好"), field=field, shortest=SHORTEST
        )
    if len(password) > LONGEST:
        raise AccountError(marked("口令至多 {longest} 个字符"), field=field, longest=LONGEST)
    if any(word and word.casefold() in plain for word in (badge, name)):
        raise AccountError(marked("口令里不能有自己的警号或姓名"), field=field)
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(plain)}
    if len(set(plain)) < _FEWEST_DIFFERENT or len(steps) <= _FEW_STEPS:
        raise AccountError(marked("口令太容易猜：同样或连续的字符太多"), field=field)


# -- authenticator --


def new_secret() -> bytes:
    """Return a new secret for an authenticator."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """Write a secret as a person types it: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def secret_address(secret: bytes, badge: str, issuer: str) -> str:
    """Return the ``otpauth`` address that an authenticator reads."""
    return _totp(secret).get_provisioning_uri(badge, issuer)


def used_step(secret: bytes | None, code: str, now: datetime, after: int) -> int | None:
    """Return the step of a code that is right now, or a step earlier or later, and later than ``after``; else None."""
    generator, present, found = _totp(secret or _NO_SECRET), int(now.timestamp()) // STEP_SECONDS, None
    for step in (present - 1, present, present + 1):
        fits = hmac.compare_digest(generator.generate(step * STEP_SECONDS), code.encode("utf-8", "surrogatepass"))
        if fits and step > after:
            found = step
    return found if secret is not None else None


def code_at(secret: bytes, now: datetime) -> str:
    """Return what an authenticator shows now."""
    return _totp(secret).generate(int(now.timestamp())).decode()


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 -- RFC 6238; the only one that every authenticator has


# -- what is random --


def new_codes() -> list[str]:
    """Return ten one-time codes of about 50 bits each, as ``ABCDE-FGHJK``."""
    halves = ("".join(secrets.choice(_LETTERS) for _ in range(_HALF)) for _ in range(2 * ONE_TIME_CODES))
    return [f"{half}-{next(halves)}" for half in halves]


def code_hash(badge: str, code: str) -> str:
    """Return what is kept of a one-time code; blanks, hyphens and small letters are one's own."""
    plain = "".join(each for each in code.upper() if each.isalnum())
    return hashlib.sha256(f"{badge}:{plain}".encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return 256 random bits for a cookie or an address."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
