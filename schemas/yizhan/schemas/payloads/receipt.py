"""``receipt``: that something arrived, could not be opened, or was acted on.

Rule 1: it says what the header's ``receipt`` says, and who: persons never stand in a header.
Rule 2: ``acknowledged``, ``acted`` and ``declined`` are a person's word, with name and badge number.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from yizhan.schemas.header import ReceiptRef
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Payload, Text
from yizhan.schemas.payloads.common import Person

BY_A_PERSON = frozenset({"acknowledged", "acted", "declined"})
"""Stages that only a person reaches."""


class Receipt(ReceiptRef, Payload):
    """A receipt; ``confirms`` is what its header carries."""

    by: Person | None = Field(default=None, title=marked("签收人"))
    how: Line | None = Field(default=None, title=marked("方式"))
    note: Text | None = Field(default=None, title=marked("说明"))

    @model_validator(mode="after")
    def _a_person_answers(self) -> Self:
        if self.stage in BY_A_PERSON and self.by is None:
            raise ValueError(_("签收、处置要写明是谁（by：name、badge）"))
        return self

    @property
    def confirms(self) -> ReceiptRef:
        """What the header's ``receipt`` says: the same without persons and text."""
        return ReceiptRef.model_validate({name: getattr(self, name) for name in ReceiptRef.model_fields})
