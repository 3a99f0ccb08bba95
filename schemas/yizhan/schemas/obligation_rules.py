"""The obligations of ``policy.json``: who owes what to whom by when, as data.

Rule 1: a table, not a language: an obligation is opened by an event that a row of header attributes matches, by a
        person's refusal of one, or by a month, quarter or year of each pair.
Rule 2: it is discharged by a signed event from who owes it, matched the same way, and by nothing else.
Rule 3: its reminders are instants counted from its opening or its term; each has a name and says for whom it is.
Rule 4: an obligation that nothing opens or nothing discharges, an unknown word, a reminder that could never come
        before it is needed by anybody: the charter does not load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.header import RECEIPT, ContractModel, Header
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, NOT_OWED, OPENED, OVERDUE, Rung
from yizhan.schemas.policy_facts import ATTRIBUTES, Row, Words, facts

MAX_OBLIGATIONS: Final = 64
_RESERVED: Final = frozenset({OPENED, OVERDUE, DISCHARGED, CANCELLED, NOT_OWED})
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
_DAY_OF_ANY_YEAR: Final = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-30)"
"""The 30th of February would end whoever works it out."""
_Count = Annotated[int, Field(ge=0, le=100_000)]
_Days = Annotated[int, Field(ge=0, le=3660)]
"""Ten years: a term ends inside the calendar, whatever opened it."""

OBLIGATION_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    **ATTRIBUTES,
    "way": frozenset({"alarm", "notice", "digest"}),
    "wants": frozenset({"feedback", "identity", "identity-far", "assistance", "countersign", "absent"}),
    "receipt": frozenset(
        {"delivered", "unopenable", "fetched", "unfetched", "acknowledged", "acted", "declined", "absent"}
    ),
}
"""What a row of an obligation may compare: a route's attributes, how it arrived, what it wants, what it confirms."""


class Opening(ContractModel):
    """What opens it: an event (``when``), a refusal of what another rule asks for (``refused``), or a period."""

    when: Annotated[tuple[Row, ...], Field(strict=False, min_length=1, max_length=16)] | None = None
    refused: Annotated[tuple[_Name, ...], Field(strict=False, min_length=1, max_length=16)] | None = None
    each: Literal["month", "quarter", "year"] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.when, self.refused, self.each)) != 1:
            message = "expected one of when, refused and each"
            raise ValueError(message)
        return self


class Discharge(ContractModel):
    """Which event discharges it: a row, and how it hangs together with what opened it.

    ``answers``: its ``reply_to`` or ``receipt`` names the event. ``thread``: it belongs to the same thread and came
    later. ``period``: its header names the same period, and it goes to who is owed.
    """

    when: Annotated[tuple[Row, ...], Field(strict=False, min_length=1, max_length=16)]
    by: Literal["answers", "thread", "period"]


class Term(ContractModel):
    """How long: one of the four, counted from ``since``.

    Days and working days as ``deadlines`` counts them; for a period ``days`` after its end, 0 for its end.
    """

    minutes: _Count | None = None
    hours: _Count | None = None
    days: _Days | None = None
    working_days: _Days | None = None
    since: Literal["opened", "expires", "end"] = "opened"

    @model_validator(mode="after")
    def _one(self) -> Self:
        parts = (self.minutes, self.hours, self.days, self.working_days)
        if sum(part is not None for part in parts) != 1:
            message = "expected one of minutes, hours, days and working_days"
            raise ValueError(message)
        if self.since == "end" and self.days is None:
            message = "a term since the end of a period is in days"
            raise ValueError(message)
        return self


class Reminder(ContractModel):
    """One step of the ladder: when, and for whom of who owes; who is owed reads it too.

    One of: ``after_*`` the opening, ``before_*`` the term, ``half`` of the time, a ``day`` of the month, or ``on`` a
    day of the year (``MM-DD``).
    """

    id: _Name
    to: Rung
    after_minutes: _Count | None = None
    after_days: _Days | None = None
    before_minutes: _Count | None = None
    before_days: _Days | None = None
    before_working_days: _Days | None = None
    half: Literal[True] | None = None
    day: Annotated[int, Field(ge=1, le=28)] | None = None
    on: Annotated[str, Field(pattern=rf"^{_DAY_OF_ANY_YEAR}$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [
            name for name in type(self).model_fields if name not in {"id", "to"} and getattr(self, name) is not None
        ]
        if len(given) != 1:
            message = f"reminder {self.id}: expected one of after_…, before_…, half, day and on; got {given or 'none'}"
            raise ValueError(message)
        return self


class ObligationRule(ContractModel):
    """One row: who owes whom what, by when.

    ``owes`` is the ``sender`` of what opened it, each of its ``recipients``, ``both`` of them, or ``who-refused``;
    of a period ``each`` of the pair by itself, or the ``pair`` together. ``audit`` says that nobody is reminded: the
    audit measures it afterwards.
    """

    id: _Name
    owes: Literal["sender", "recipients", "both", "who-refused", "each", "pair"]
    opens: Opening
    due: Term
    discharged: Discharge
    reminders: Annotated[tuple[Reminder, ...], Field(strict=False, max_length=16)] = ()
    what: Words
    because: Words
    audit: Literal[True] | None = None
    sample: Literal[True] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        period = self.opens.each is not None
        if period != (self.owes in {"each", "pair"}) or (self.opens.refused is not None) != (
            self.owes == "who-refused"
        ):
            message = f"obligation {self.id}: {self.owes} cannot owe what is opened like this"
            raise ValueError(message)
        if period != (self.due.since == "end") or period != (self.discharged.by == "period"):
            message = f"obligation {self.id}: what a period opens has a term since its end and is discharged by period"
            raise ValueError(message)
        names = [each.id for each in self.reminders]
        if len(set(names)) != len(names) or _RESERVED & set(names):
            message = f"obligation {self.id}: reminders need different ids, none of {', '.join(sorted(_RESERVED))}"
            raise ValueError(message)
        if not period and any(each.day or each.on for each in self.reminders):
            message = f"obligation {self.id}: day and on are for what a period opens"
            raise ValueError(message)
        return self

    @property
    def rungs(self) -> frozenset[Rung]:
        """Places on the contact ladder that its reminders need."""
        return frozenset(each.to for each in self.reminders)


def check(obligations: Iterable[ObligationRule]) -> None:
    """Raise ``CharterInvalid`` for a table that could not work (rule 4).

    Raises:
        CharterInvalid: an id twice, an unknown attribute or value, or a rule named by ``refused`` that there is not.
    """
    rows = tuple(obligations)
    names = [each.id for each in rows]
    if len(set(names)) != len(names):
        message = "policy.json: obligation ids must differ"
        raise CharterInvalid(message)
    for each in rows:
        for row in (*(each.opens.when or ()), *each.discharged.when):
            for attribute, values in row.items():
                if unknown := set(values) - OBLIGATION_ATTRIBUTES.get(attribute, frozenset()):
                    known = ", ".join(sorted(OBLIGATION_ATTRIBUTES.get(attribute, OBLIGATION_ATTRIBUTES)))
                    message = (
                        f"policy.json: obligation {each.id}: {attribute[:40]!r} is never {min(unknown)[:60]!r}; "
                        f"expected of {known}"
                    )
                    raise CharterInvalid(message)
        if unknown := set(each.opens.refused or ()) - set(names):
            message = f"policy.json: obligation {each.id} names {min(unknown)}, which is no obligation"
            raise CharterInvalid(message)


def obligation_facts(header: Header, recipient: str, way: str | None) -> dict[str, str]:
    """Return what a row may compare, for one recipient: attribute → value."""
    return {
        **facts(header, recipient),
        "way": way or "absent",
        "wants": header.wants or "absent",
        "receipt": header.receipt.stage if header.type == RECEIPT and header.receipt else "absent",
    }


def matches(rows: Iterable[Mapping[str, tuple[str, ...]]], compared: Mapping[str, str]) -> bool:
    """Tell whether any row matches: each of its attributes has one of its values."""
    return any(all(compared[name] in values for name, values in row.items()) for row in rows)


RULE_NAMES: Final = {
    "tell": marked("及时通报"),
    "acknowledge": marked("报警签收"),
    "follow-up": marked("续报"),
    "final-report": marked("终报"),
    "verify-hotspot": marked("热点核查"),
    "monthly-contact": marked("每月联系"),
    "quarterly-exchange": marked("季度通报"),
    "consultation": marked("情报会商"),
    "feedback": marked("情报反馈"),
    "feedback-flash": marked("特急情报反馈"),
    "identity-request": marked("身份核查协助"),
    "identity-far": marked("身份核查协助（路途遥远）"),
    "assistance-interim": marked("办案协助：先告进展"),
    "assistance-answer": marked("办案协助：答复"),
    "missing-papers": marked("指明所缺手续"),
    "countersign": marked("联合巡防会签"),
    "patrol-report": marked("联合巡防报告"),
    "other-assistance": marked("协查答复"),
    "dispute-status": marked("纠纷月报"),
}
"""Rule of the sample policy → its short name, for headings and tables; the policy has its own sentence (``what``)."""


def rule_name(rule: str) -> str:
    """Return the short name of a rule, in the language chosen; an unknown rule's id."""
    return _(RULE_NAMES[rule]) if rule in RULE_NAMES else rule
