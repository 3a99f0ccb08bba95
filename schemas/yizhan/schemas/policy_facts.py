"""The attributes that rows of the policy may compare, and their values for a header.

Rule 1: an attribute that a header does not have has the value ``absent``, so that what a missing one means
        stands in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from yizhan.schemas.header import ContractModel, Header
from yizhan.schemas.payloads.table import TYPES

ABSENT: Final = "absent"
_OTHER_TYPE: Final = "any other type"

ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "type": frozenset({*TYPES, _OTHER_TYPE}),
    "status": frozenset({"Actual", "Exercise", "Test"}),
    "priority": frozenset({"flash", "urgent", "routine"}),
    "grade": frozenset({"1", "2", "3", "4", ABSENT}),
    "certainty": frozenset({"Observed", "Likely", "Possible", "Unlikely", "Unknown", ABSENT}),
    "stage": frozenset({"first", "update", "final", ABSENT}),
    "worse": frozenset({"yes", "no"}),
    "touches": frozenset({"recipient", "others", ABSENT}),
    "refers": frozenset({"withdraws", "supersedes", "reply_to", "none"}),
}
"""What a row may compare, and every value it can have."""


class Words(ContractModel):
    """One text in both languages."""

    zh: Annotated[str, Field(min_length=1, max_length=300)]
    en: Annotated[str, Field(min_length=1, max_length=300)]


Row = dict[str, Annotated[tuple[str, ...], Field(strict=False, min_length=1)]]
"""Attribute → the values that match; attributes left out match any value."""


def facts(header: Header, recipient: str) -> dict[str, str]:
    """Return what the table may compare, for one recipient: attribute → value.

    An empty ``touches`` tells no more than a missing one.
    """
    if not header.touches:
        touches = ABSENT
    elif recipient in header.touches:
        touches = "recipient"
    else:
        touches = "others"
    return {
        "type": header.type if header.type in ATTRIBUTES["type"] else _OTHER_TYPE,
        "status": header.status,
        "priority": header.priority,
        "grade": ABSENT if header.grade is None else str(header.grade),
        "certainty": header.certainty or ABSENT,
        "stage": header.stage or ABSENT,
        "worse": "yes" if header.worse else "no",
        "touches": touches,
        "refers": header.refers,
    }
