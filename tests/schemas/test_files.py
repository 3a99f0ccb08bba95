"""Chunks of attached files: the vectors of clause 19, and what a chunk that was touched becomes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.schemas import second
from tests.vectors.make_file_vectors import FILES, sealed, vector
from yizhan.schemas.errors import FileRefused, ProofInvalid
from yizhan.schemas.files import MAX_FILE_BYTES, chunk_bytes, chunk_count, open_chunk, read_record
from yizhan.schemas.payloads.common import Attachment
from yizhan.schemas.topics import CHUNK_MAX_BYTES

FOLDER = Path(__file__).parent.parent / "vectors" / "files"
VECTORS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}


def plain_of(vector: dict[str, Any]) -> bytes:
    """The file of a vector."""
    return bytes.fromhex(vector["plain"]["hex"]) * int(vector["plain"]["times"])


@pytest.mark.parametrize("name", FILES)
def test_the_vectors_are_what_is_made(name: str) -> None:
    """The same key and file give the same bytes, now as then."""
    assert VECTORS[name] == vector(name, *FILES[name])


@pytest.mark.parametrize("name", VECTORS)
def test_a_second_implementation_makes_the_same_records(name: str) -> None:
    """Written from the page alone, it seals to the same root and the same records."""
    attachment = Attachment.model_validate(VECTORS[name]["attachment"])
    assert attachment.sealed is not None
    root, records = second.seal_file(bytes.fromhex(attachment.sealed.key), plain_of(VECTORS[name]))
    assert root.hex() == attachment.sealed.root
    assert [hashlib.sha256(each).hexdigest() for each in records] == [
        each["sha256"] for each in VECTORS[name]["records"]
    ]


@pytest.mark.parametrize("name", VECTORS)
def test_records_open_to_the_file_and_faults_are_refused(name: str) -> None:
    """What was made opens to the file; a flipped bit, a cut, another place or count is no record."""
    vector = VECTORS[name]
    attachment, plain = vector["attachment"], plain_of(vector)
    key, count = bytes.fromhex(attachment["sealed"]["key"]), chunk_count(len(plain))
    _root, _chunks, records = sealed(key, plain)
    opened = b""
    for index, value in enumerate(records):
        record = read_record(value)
        assert (record.index, record.count, record.root.hex()) == (index, count, attachment["sealed"]["root"])
        assert len(record.chunk) == chunk_bytes(len(plain), index)
        opened += open_chunk(key, index, record.chunk, last=index == count - 1)
    assert opened[: len(plain)] == plain
    assert not opened[len(plain) :].strip(b"\0")
    for fault in vector["faults"]:
        with pytest.raises(ProofInvalid):
            read_record(touched(records[0], fault))


def touched(record: bytes, fault: dict[str, int]) -> bytes:
    """Do to a record what a fault of clause 19.7 says."""
    ((how, value),) = fault.items()
    if how == "cut":
        return record[:value]
    if how == "flip":
        return record[: value // 8] + bytes([record[value // 8] ^ (1 << value % 8)]) + record[value // 8 + 1 :]
    at = 36 if how == "place" else 40
    return record[:at] + value.to_bytes(4, "big") + record[at + 4 :]


@pytest.mark.parametrize(("index", "last"), [(1, True), (0, False), (1, False)])
def test_a_chunk_opens_in_its_place_only(index: int, last: bool) -> None:  # noqa: FBT001 -- a table
    """Moved, or followed by another, a chunk does not open, and the sentence says what to do."""
    _root, chunks, _records = sealed(bytes(32), b"x")
    with pytest.raises(FileRefused, match="重新附上"):
        open_chunk(bytes(32), index, chunks[0], last=last)


def test_the_largest_record_fits_its_topic() -> None:
    """A chunk of the largest file, its proof and Kafka's framing stay below the topic's batch."""
    proof = 32 * (chunk_count(MAX_FILE_BYTES) - 1).bit_length()
    assert chunk_bytes(MAX_FILE_BYTES, 0) + proof + 1024 < CHUNK_MAX_BYTES
