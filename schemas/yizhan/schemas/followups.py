"""Followups: the steps of obligations, as the station states them.

A step that an event brings about rides in the event's postmark (:mod:`~yizhan.schemas.postmark_steps`). Steps that time
brings, and those of an event that does not reach a party at once, are statements of their own.

Law 2: an obligation opens and is discharged by signed headers only; the statement names both events by hash.
Law 4: a step of an obligation has one statement, with the same bytes however often it is made; a receiver
       keeps one row by (``obligation``, ``step``).
Law 5: ``rule`` is the id in ``policy.json``, where the clause stands.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import CharterName, EventId, MemberCode, Period, Ref
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, NOT_OWED, Rung
from yizhan.schemas.statements import StationStatement
from yizhan.schemas.timestamps import Timestamp

CONTENT_TYPE: Final = "application/vnd.yizhan.followup.v1+json"
KAFKA_HEADER: Final = "yizhan-followup"
"""Kafka record header that marks a followup on an alerts topic; the value is the DSSE document."""

RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
"""The id of a rule; steps are written alike."""
ObligationName = Annotated[str, Field(pattern=r"^[a-z0-9][a-zA-Z0-9./_-]{1,200}$")]
Owing = Annotated[tuple[MemberCode, ...], Field(strict=False, min_length=1, max_length=64)]
"""Who owes."""
Members = Annotated[tuple[MemberCode, ...], Field(strict=False, max_length=64)]


class Followup(StationStatement):
    """One step of one obligation.

    ``obligation`` is ``<rule>/<what>/<who>``: an event id, or a period, and the members concerned. ``due`` is
    the instant after which it is overdue, ``at`` the one at which this step fell due (not when it was made).
    ``about`` is the event that opened it, ``thread`` the matter that it belongs to, ``period`` the month, quarter
    or year that opened it; ``by`` the event that ended it.
    """

    content_type: ClassVar[str] = CONTENT_TYPE
    made_attribute: ClassVar[str] = "at"

    obligation: ObligationName
    rule: RuleId
    step: RuleId
    owes: Owing
    owed: Members
    about: Ref | None = None
    thread: EventId | None = None
    period: Period | None = None
    opened: Timestamp
    due: Timestamp
    at: Timestamp
    to_whom: Rung | None = None
    by: Ref | None = None
    charter: CharterName

    @property
    def parties(self) -> frozenset[str]:
        """Whom it concerns: who owes, and who is owed."""
        return frozenset((*self.owes, *self.owed))

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.about is None and self.period is None:
            message = "expected what opened the obligation: an event in about, or a period"
            raise ValueError(message)
        named = self.by is not None
        if named != (self.step in {DISCHARGED, NOT_OWED}) and not (named and self.step == CANCELLED):
            message = f"expected by with the steps {DISCHARGED} and {NOT_OWED}, and with {CANCELLED} if an event did it"
            raise ValueError(message)
        return self
