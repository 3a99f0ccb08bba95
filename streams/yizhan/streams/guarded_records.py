"""Lets aiokafka, and so Faust, read record batches through the guard of :mod:`yizhan.runtime.record_batches`."""

from __future__ import annotations

from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords

from yizhan.runtime import record_batches


class GuardedRecords(record_batches.GuardedRecords):
    """Replaces aiokafka's ``MemoryRecords``."""

    decode = staticmethod(MemoryRecords)


def install() -> None:
    """Make every consumer of this process read through the guard."""
    fetcher.MemoryRecords = GuardedRecords
