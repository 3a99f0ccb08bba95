"""An event that a county sent, as its outbox has it: a bulletin counts these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yizhan.schemas.header import Header
from yizhan.schemas.policy import Decision


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One own event with its payload; ``decisions`` by recipient's member code.

    Once the station ``answered``, the decisions are the station's; before, the sender's own.
    """

    header: Header
    hash: bytes
    payload: bytes
    decisions: Mapping[str, Decision] = field(hash=False)
    answered: bool = True
