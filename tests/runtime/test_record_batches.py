"""What a broker stores and a client cannot decode still comes out, record by record, and nothing is decompressed."""

from __future__ import annotations

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from yizhan.runtime import record_batches
from yizhan.runtime.record_batches import lenient_records
from yizhan.streams import guarded_records

OFFSET = 41
Guard = type[record_batches.GuardedRecords]
both_clients = pytest.mark.parametrize("guard", [record_batches.GuardedRecords, guarded_records.GuardedRecords])


def batch(*names: str) -> bytes:
    """Write one batch as the broker stores it: a record a header name."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=2**20,
    )  # fmt: skip
    for number, name in enumerate(names):
        builder.append(number, timestamp=1000, key=b"key", value=b"value %d" % number, headers=[(name, b"h")])
    data = bytearray(builder.build())
    data[:8] = struct.pack(">q", OFFSET)
    return bytes(data)


def spoiled(*names: str) -> bytes:
    """Write one batch in which the header name ``zz`` is not UTF-8."""
    return batch(*names).replace(b"zz", b"\xff\xfe")


@both_clients
def test_a_header_name_that_is_not_text_does_not_hide_its_record(guard: Guard) -> None:
    """The record comes out with its key and value, the name replaced; its neighbours too."""
    records = guard(spoiled("a", "zz", "b"))
    found = list(records.next_batch() or ())
    assert [(r.offset, r.key, r.value) for r in found] == [(OFFSET + n, b"key", b"value %d" % n) for n in range(3)]
    assert [r.headers[0][0] for r in found] == ["a", "\ufffd\ufffd", "b"]
    assert not records.has_next()


@both_clients
def test_good_batches_around_a_bad_one_are_read(guard: Guard) -> None:
    """Batches follow each other; one that is cut off at the end is left for the next fetch."""
    data = batch("a") + spoiled("zz") + batch("b")
    records = guard(data + batch("c")[:-3])
    found = []
    while records.has_next():
        found += [record.headers[0][0] for record in records.next_batch() or ()]
    assert found == ["a", "\ufffd\ufffd", "b"]


@both_clients
def test_both_decoders_read_a_good_batch_alike(guard: Guard) -> None:
    """Where the client can decode, the lenient decoder gives the same."""
    data = batch("a", "b")
    plain, lenient = list(guard(data).next_batch() or ()), lenient_records(data)
    assert [(r.offset, r.key, r.value, list(r.headers)) for r in plain] == [
        (r.offset, r.key, r.value, list(r.headers)) for r in lenient
    ]


def compressed(codec: int, claimed: int = 3) -> bytes:
    """Write a batch whose header says a codec and a number of records; what stands behind it is no such thing."""
    data = bytearray(batch("a"))
    struct.pack_into(">hi", data, 21, codec, claimed - 1)
    struct.pack_into(">i", data, 57, claimed)
    return bytes(data)


@both_clients
@pytest.mark.parametrize("codec", range(1, 8))
def test_a_compressed_batch_is_one_record_without_a_value(guard: Guard, codec: int) -> None:
    """It is not decompressed, however many records it claims, whether its codec exists or not; the next one is read."""
    records = guard(compressed(codec, 2**31 - 1) + batch("b"))
    assert [(r.offset, r.key, r.value) for r in records.next_batch() or ()] == [(OFFSET + 2**31 - 2, None, None)]
    assert [r.headers[0][0] for r in records.next_batch() or ()] == ["b"]


@pytest.mark.parametrize("cut", range(61, 90))
def test_an_unreadable_record_still_has_its_offset(cut: int) -> None:
    """What cannot be read comes out without a value, to be refused as malformed."""
    found = lenient_records(batch("a")[:cut])
    assert [record.offset for record in found] == [OFFSET]


@given(st.binary(max_size=200))
def test_no_bytes_of_a_record_raise(data: bytes) -> None:
    """Whatever stands behind a batch's header, one record an offset comes out."""
    head = batch("a", "b", "c")[:61]
    assert len(lenient_records(head + data)) == 3
