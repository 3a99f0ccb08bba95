"""The access log of one county: one line per access, each with the hash of the line before.

Rule 1: an entry is on the disk before the content is shown. Lines are added, never changed or removed.
Rule 2: each entry names the SHA-256 of the line before (the first: 64 zeros), so that a line changed,
        removed or inserted breaks the chain there, and ``check`` says where.
Rule 3: a chain alone cannot show that its end was cut off. Each exported book names the log's head;
        a log that does not contain a head named earlier was truncated or rewritten.
Rule 4: several processes may write; they take turns by a lock on the file.
Rule 5: a last line that was cut off (the power failed) is ended before the next is added: ``check`` names it, and
        keeps what follows.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, ValidationError

from yizhan.runtime.errors import StoreError
from yizhan.schemas import strictjson
from yizhan.schemas.header import ContractModel, Hex32
from yizhan.schemas.i18n import marked
from yizhan.schemas.sentences import os_error
from yizhan.schemas.timestamps import Timestamp, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

FILE: Final = "access.jsonl"
BEGINNING: Final = "0" * 64
MAX_NAMED: Final = 1000
"""Events that one entry names; an access to more is several entries."""
_TAIL_BYTES: Final = 256 * 1024
_SHORT_TAIL_BYTES: Final = 4096

How = Literal["opened", "listed", "printed", "exported", "destroyed"]
"""What was done: one content shown; many shown; written as a document; given away; destroyed."""


class AccessEntry(ContractModel):
    """One access. ``what`` are ids of events, or the name of a document."""

    n: Annotated[int, Field(ge=1)]
    previous: Hex32
    at: Timestamp
    who: Annotated[str, Field(min_length=1, max_length=200)]
    how: How
    command: Annotated[str, Field(min_length=1, max_length=200)]
    what: Annotated[tuple[str, ...], Field(strict=False, max_length=MAX_NAMED)]


class AccessLogHead(ContractModel):
    """Head of an access log: its last number, and the hash of its last line; 0 and zeros for an empty one."""

    n: Annotated[int, Field(ge=0)]
    hash: Hex32


EMPTY: Final = AccessLogHead(n=0, hash=BEGINNING)


@dataclass(frozen=True, slots=True)
class Break:
    """A break of the chain: the line, from 1, and the reason."""

    line: int
    why: Literal["unreadable", "chain", "head"]


def line_hash(line: bytes) -> str:
    """Return the hash of a line, without its newline."""
    return hashlib.sha256(line).hexdigest()


def append(path: Path, at: datetime, who: str, how: How, command: str, what: Sequence[str]) -> AccessLogHead:
    """Add entries for an access; durable on return.

    Raises:
        StoreError: it cannot be written: the content must not be shown.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with contextlib.closing(os.fdopen(handle, "r+b", buffering=0)) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            tail = _last_lines(file.fileno())
            head, lines = _head(tail), b"" if tail.endswith(b"\n") or not tail else b"\n"
            for first in range(0, len(what) or 1, MAX_NAMED):
                part = tuple(what[first : first + MAX_NAMED])
                entry = AccessEntry(
                    n=head.n + 1, previous=head.hash, at=written(at), who=who, how=how, command=command, what=part
                )
                line = strictjson.dumps(entry.model_dump(mode="json"))
                head, lines = AccessLogHead(n=entry.n, hash=line_hash(line)), lines + line + b"\n"
            _write_all(file.fileno(), lines)
            os.fsync(file.fileno())
    except OSError as error:
        sentence = marked("{path}：{error}；调阅要先记下来，请排除故障后再试")
        raise StoreError(sentence, path=path, error=os_error(error)) from error
    return head


def _write_all(handle: int, data: bytes) -> None:
    """Write whole lines or nothing."""
    size = os.fstat(handle).st_size
    try:
        done = 0
        while done < len(data):
            done += os.write(handle, data[done:])
    except OSError:
        os.ftruncate(handle, size)
        raise


def _last_lines(handle: int) -> bytes:
    """Return the end of the file: a little of it if its last line can be read, else more, to count lines."""
    size = os.fstat(handle).st_size
    short = os.pread(handle, _SHORT_TAIL_BYTES, max(0, size - _SHORT_TAIL_BYTES))
    if size <= _SHORT_TAIL_BYTES or (short.endswith(b"\n") and _number(_last_line(short)) is not None):
        return short
    return os.pread(handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))


def _last_line(tail: bytes) -> bytes:
    return tail.rstrip(b"\n").rpartition(b"\n")[2]


def _number(line: bytes) -> int | None:
    """Return the number of an entry; None for what cannot be parsed, or was cut off."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return int(strictjson.loads(line)["n"])
    return None


def _head(tail: bytes) -> AccessLogHead:
    """Return the head from the last line; one that cannot be parsed, or was cut off, keeps the number of its line."""
    line = _last_line(tail)
    if not line:
        return EMPTY
    number = _number(line)
    counted = tail.count(b"\n") + (not tail.endswith(b"\n"))
    return AccessLogHead(n=counted if number is None else number, hash=line_hash(line))


def head(path: Path) -> AccessLogHead:
    """Return the head of an access log (``StoreError`` if it cannot be read)."""
    try:
        with path.open("rb") as file:
            return _head(_last_lines(file.fileno()))
    except FileNotFoundError:
        return EMPTY
    except OSError as error:
        raise StoreError(f"{path}: {os_error(error)}") from error


def read(path: Path) -> Iterator[bytes]:
    """Yield the lines of an access log; nothing if it does not exist (``StoreError`` if it cannot be read)."""
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{path}: {os_error(error)}") from error


def newest(path: Path) -> Iterator[bytes]:
    """Yield the lines of an access log, the newest first, without their newlines (``StoreError`` as ``read``)."""
    try:
        with path.open("rb") as file:
            end, rest = os.fstat(file.fileno()).st_size, b""
            while end > 0:
                start = max(0, end - _TAIL_BYTES)
                lines = (os.pread(file.fileno(), end - start, start) + rest).split(b"\n")
                rest, end = lines.pop(0) if start else b"", start
                yield from filter(None, reversed(lines))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{path}: {os_error(error)}") from error


def parse(line: bytes) -> AccessEntry | None:
    """Read one line; None for what is no entry."""
    try:
        return AccessEntry.model_validate(strictjson.loads(line))
    except (strictjson.StrictJsonError, ValidationError):
        return None


def check(lines: Iterable[bytes], known: Iterable[AccessLogHead] = ()) -> tuple[list[AccessEntry], list[Break]]:
    """Read an access log and find the breaks of its chain.

    Args:
        lines: as ``read`` gives them.
        known: heads that this log is known to have had.

    Returns:
        The entries that can be read, and the breaks; no breaks: nothing was changed since the heads known.
    """
    entries: list[AccessEntry] = []
    breaks: list[Break] = []
    hashes = {0: BEGINNING}
    previous = EMPTY
    number = 0
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix(b"\n")
        try:
            entry = AccessEntry.model_validate(strictjson.loads(line))
        except (strictjson.StrictJsonError, ValidationError):
            breaks.append(Break(number, "unreadable"))
            previous = AccessLogHead(n=number, hash=line_hash(line))
            continue
        if (entry.n, entry.previous) != (previous.n + 1, previous.hash) or not raw.endswith(b"\n"):
            breaks.append(Break(number, "chain"))
        previous = AccessLogHead(n=entry.n, hash=line_hash(line))
        hashes[entry.n] = previous.hash
        entries.append(entry)
    breaks += [Break(min(each.n, number + 1), "head") for each in known if hashes.get(each.n) != each.hash]
    return entries, breaks
