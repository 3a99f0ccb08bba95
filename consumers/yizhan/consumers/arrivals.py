"""Arriving records and their outcomes: values passed between reader, inbox and bell.

Rule 1: a record is bytes; everything in it that does not verify is only a hint.
Rule 2: the inbox answers every record with one outcome, whatever the record holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yizhan.consumers.items import Item
    from yizhan.schemas.followups import Followup

Kind = Literal["alert", "digest", "posting"]
"""The topic it came by: ``yizhan.alerts.<c>``, ``yizhan.digests.<c>`` or ``yizhan.postings.<c>``."""
Became = Literal["stored", "duplicate", "conflict", "aside", "reference", "manifest", "followup", "posting"]
"""What became of a record: a new row; one that was here; another event with an id that was here; kept
aside; a digest's reference to an urgent event; a digest's manifest; the station's word on an obligation; the postmark
of an event of ours.
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One Kafka record as it was read. ``timestamp`` is the broker's append time in ms since 1970."""

    kind: Kind
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiveOutcome:
    """The outcome for one record.

    ``item`` is the row, for an event that was stored, now or before. ``reason`` is the code of the closed
    list for a record that was set aside, and the label of a manifest's digest. ``followup`` is the step of an
    obligation that the record states; ``steps`` are those that an event's postmark said and that were not here.
    ``entered``: that its content is shown was entered with it (``shown``).
    """

    became: Became
    item: Item | None = None
    reason: str | None = None
    followup: Followup | None = None
    steps: tuple[Followup, ...] = ()
    entered: bool = False

    def told(self) -> Iterator[ReceiveOutcome]:
        """Yield what an observer is told, one by one: the record, unless it is a posting, then each of its steps."""
        if self.became != "posting":
            yield self
        for each in self.steps:
            yield ReceiveOutcome("followup", followup=each)

    @property
    def rings(self) -> bool:
        """Whether a person must be called now: once per event, however often it is read."""
        return self.became == "stored" and self.item is not None and self.item.state == "ringing"
