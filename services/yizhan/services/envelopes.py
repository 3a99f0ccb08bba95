"""Envelopes in files: read without believing, checked as the station would.

Rule 1: what is returned as verified was verified under the charter in force at the instant given.
Rule 2: an envelope in a file stands on no topic: it is checked as if on its own sender's.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas import strictjson, topics
from yizhan.schemas.admit import Admitted, Record, admit
from yizhan.schemas.envelope import MAGIC, MAX_BYTES, parse_envelope
from yizhan.schemas.errors import Refused
from yizhan.schemas.i18n import marked
from yizhan.services.errors import ServiceError

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charter

STDIN: Final = "-"
MOST_BYTES: Final = 256 * 1024 * 1024
"""Longest file read, in bytes: years of drafts."""


@dataclass(frozen=True, slots=True)
class EnvelopeVerdict:
    """What the station would say of an envelope: ``admitted``, or ``refused`` and why."""

    admitted: Admitted | None
    refused: Refused | None


def read_input(name: str, most: int = MOST_BYTES) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        CommandError: longer than ``most`` bytes.
        OSError: it cannot be read.
    """
    if name == STDIN:
        data = sys.stdin.buffer.read(most + 1)
    else:
        with open(name, "rb") as file:  # noqa: PTH123 -- the name is also shown as it was typed
            data = file.read(most + 1)
    if len(data) > most:
        raise ServiceError(marked("{name} 超过 {most} 字节，读不下"), name=name, most=most)
    return data


def there_already(name: str) -> ServiceError:
    """Return what is said where a file would be overwritten."""
    return ServiceError(marked("{name} 已经有了，没有覆盖；请另起名字，或先移走它"), name=name)


def write_new(name: str, data: bytes, mode: int = 0o666) -> None:
    """Write a file that is not there yet.

    Raises:
        CommandError: it is there; nothing was changed.
        OSError: it cannot be written.
    """
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise there_already(name) from None
    with open(handle, "wb") as made:  # noqa: PTH123 -- a descriptor
        made.write(data)


def is_envelope(data: bytes) -> bool:
    """Tell whether the bytes begin as an envelope does."""
    return data.startswith(MAGIC)


def judge(data: bytes, charter: Charter, at: datetime) -> EnvelopeVerdict:
    """Say what the station would say of an envelope received at an instant."""
    try:
        county = unverified_attributes(data).get("source", "")[:6]
        record = Record(topics.events(county), 0, 0, at, data[: MAX_BYTES + 1])
        return EnvelopeVerdict(admit(record, charter), None)
    except Refused as refused:
        return EnvelopeVerdict(None, refused)


def unverified_attributes(data: bytes) -> dict[str, Any]:
    """Return the header's attributes before anything is verified; empty where they cannot be read.

    Raises:
        Refused: the framing does not hold.
    """
    try:
        found = strictjson.loads(parse_envelope(data).unverified_header)
    except strictjson.StrictJsonError:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("source", ""), str):
        return {}
    return found


def decisions(admitted: Admitted) -> dict[str, dict[str, Any]]:
    """Return recipient → way, rule, and the clause behind it in both languages."""
    return {
        code: {"way": made.way.value, "rule": made.rule, "because": {"zh": made.because.zh, "en": made.because.en}}
        for code, made in admitted.decisions.items()
    }
