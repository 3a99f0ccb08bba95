"""What every part needs: errors, hash, limits (clause 1)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

Json = dict[str, Any]
MAX_INTEGER: Final = 2**53 - 1
P: Final = 2**255 - 19


class Refused(Exception):
    """A record that is refused; the argument is the reason of 8.3."""


class Unopenable(Exception):
    """A verified envelope that does not open; the argument is the cause of 6.8."""


class Invalid(Exception):
    """JSON, a key or a charter that breaks the specification."""


def decode_base64(text: str) -> bytes:
    """Read the one spelling of 1.3."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Invalid("base64") from None
    if base64.b64encode(data).decode() != text:
        raise Invalid("base64")
    return data


def sha256(data: bytes) -> bytes:
    """Hash: H(x) of 1.2."""
    return hashlib.sha256(data).digest()
