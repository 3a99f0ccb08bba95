"""Decodes record batches as a broker stores them, so that no member's batch can stop a reader.

Kafka's clients for Python decompress every batch, without a limit, and raise on records that a broker
accepts: a codec that is not installed, a header name that is not UTF-8. The exception returns at every
restart, so that one member could block every reader of its topic.

Rule 1: a compressed batch is never decompressed. It is one record without a value, at the batch's last offset.
Rule 2: a batch that the client cannot decode is decoded again here; every offset of it becomes a record.
        A record that cannot be read has no value.
Rule 3: the client decodes all other batches.

Record batch, format 2: Kafka protocol guide, "Record Batch".
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka.consumer import fetcher
from kafka.record import MemoryRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)
_LOG_OVERHEAD: Final = 12  # base offset i64, length i32
_HEAD: Final = struct.Struct(">qiibIhiqqqhii")
_COMPRESSION: Final = 0x07
_LOG_APPEND_TIME: Final = 1


class LenientRecord(NamedTuple):
    """A record with the attributes that both Kafka clients give; ``timestamp`` in ms since 1970."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    size_in_bytes: int = 0
    checksum: None = None

    def validate_crc(self) -> bool:
        """Return True: records of format 2 have no checksum of their own; the batch's was checked."""
        return True


def is_compressed(batch: bytes) -> bool:
    """Return whether a batch of format 2 is compressed, by its header alone."""
    return bool(_HEAD.unpack_from(batch)[5] & _COMPRESSION)


def lenient_records(batch: bytes) -> list[LenientRecord]:
    """Decode one batch of format 2; malformed records never raise.

    Args:
        batch: from its base offset to its end, as a fetch response holds it; the broker has
            checked its header.
    """
    head = _HEAD.unpack_from(batch)
    base, last, newest, count = head[0], head[0] + head[6], head[8], head[12]
    if is_compressed(batch):
        log.error("a compressed batch, offsets %d to %d, is refused: compression is not allowed", base, last)
        return [_unreadable(last, newest)]
    found, at = [], _HEAD.size
    for index in range(count):
        try:
            length, start = _varint(batch, at)
            at = start + length
            found.append(_record(batch[start:at], base, newest))
        except (IndexError, ValueError):
            found.append(_unreadable(base + index, newest))
    return found


def _record(data: bytes, base: int, newest: int) -> LenientRecord:
    _, at = _varint(data, 1)  # after one byte of attributes: the timestamp's distance, not used
    distance, at = _varint(data, at)
    key, at = _bytes(data, at)
    value, at = _bytes(data, at)
    count, at = _varint(data, at)
    headers = []
    for _ in range(count):
        name, at = _bytes(data, at)
        content, at = _bytes(data, at)
        headers.append(((name or b"").decode("utf-8", "replace"), content))
    return LenientRecord(base + distance, newest, _LOG_APPEND_TIME, key, value, tuple(headers), len(data))


def _unreadable(offset: int, newest: int) -> LenientRecord:
    return LenientRecord(offset, newest, _LOG_APPEND_TIME, None, None, ())


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a zigzag varint; return it and the place after it (``ValueError`` beyond 70 bits)."""
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 -- the continuation bit
            return (result >> 1) ^ -(result & 1), at
        shift += 7
        if shift > 63:  # noqa: PLR2004 -- a varlong has ten bytes at most
            message = "a varint of more than ten bytes"
            raise ValueError(message)


def _bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(data, at)
    if length < 0:
        return None, at
    if at + length > len(data):
        message = "longer than its record"
        raise ValueError(message)
    return data[at : at + length], at + length


class GuardedBatch:
    """One batch: the client's decoding, or the lenient one if the client's raises or would decompress."""

    def __init__(self, batch: Any, raw: bytes) -> None:  # noqa: ANN401 -- the client's own batch
        """Take the client's batch and its bytes."""
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the client's batch has
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        """Yield its records."""
        if is_compressed(self._raw):
            return iter(lenient_records(self._raw))
        try:
            return iter(list(self._batch))
        except Exception as error:  # noqa: BLE001 -- rule 2: nothing that a member wrote ends a reader
            log.warning("a batch at offset %s was decoded leniently: %s", self._batch.base_offset, error)
            return iter(lenient_records(self._raw))

    def __next__(self) -> Any:  # noqa: ANN401 -- the clients ask so for control batches
        return next(self._batch)


class GuardedRecords:
    """Replaces a client's ``MemoryRecords``: the batches of one fetch response."""

    decode: Callable[[bytes], Any] = staticmethod(MemoryRecords)
    """The client's own ``MemoryRecords``."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes of the response; the last batch may be cut off."""
        self._data, self._at = data, 0

    def size_in_bytes(self) -> int:
        """Length of the response."""
        return len(self._data)

    def _end(self) -> int | None:
        if len(self._data) - self._at < _LOG_OVERHEAD:
            return None
        end = self._at + _LOG_OVERHEAD + int.from_bytes(self._data[self._at + 8 : self._at + 12], "big")
        return end if end <= len(self._data) else None

    def has_next(self) -> bool:
        """Return whether a whole batch is left."""
        return self._end() is not None

    def next_batch(self) -> GuardedBatch | None:
        """Return the next whole batch, or None."""
        end = self._end()
        if end is None:
            return None
        raw = bytes(self._data[self._at : end])
        self._at = end
        return GuardedBatch(self.decode(raw).next_batch(), raw)


def install() -> None:
    """Make every ``KafkaConsumer`` of this process read through the guard."""
    fetcher.MemoryRecords = GuardedRecords
