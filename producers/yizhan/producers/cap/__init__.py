"""CAP 1.2 (OASIS Common Alerting Protocol, 1 July 2010) of fires, hotspots and natural disasters, out and in.

Rule 1: pure: bytes, books and the time are arguments.
Rule 2: an exported event can be imported again: what CAP has no element for is in ``parameter`` elements
        ``yizhan:…``.
Rule 3: an exercise or a test never becomes real on the way, nor the other way round.
Rule 4: a message that is read becomes a draft: an officer of the county answers for it; an XML signature is not
        verified.
"""

from __future__ import annotations

from yizhan.producers.cap.drafting import draft_of, withdrawal_of
from yizhan.producers.cap.reading import CapContext, CapEvent, CapMessage, read_cap
from yizhan.producers.cap.writing import WRITABLE, WrittenCap, write_cap
from yizhan.producers.cap.xml import CapInvalid

__all__ = [
    "WRITABLE",
    "CapContext",
    "CapEvent",
    "CapInvalid",
    "CapMessage",
    "WrittenCap",
    "draft_of",
    "read_cap",
    "withdrawal_of",
    "write_cap",
]
