"""What an event opens and ends of obligations, as its postmark says it.

Law 2: an obligation opens and ends by signed headers only; the postmark names both events by hash.
Law 4: an entry gives the very followups (``followups``) that a statement of each step would be, byte for byte: a
       reader that gets a step both ways keeps one.
Law 5: each entry names its rule; the charter is the postmark's.

Rule 1: what the postmark says anyway (the event, when it was received, the charter) stands in no entry.
Rule 2: a postmark has at most ``MOST`` entries of each kind; what is beyond is said by statements of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, Self

from pydantic import model_validator

from yizhan.schemas.followups import Followup, Members, ObligationName, Owing, RuleId
from yizhan.schemas.header import ContractModel, EventId, Period, Ref
from yizhan.schemas.obligation_steps import OPENED
from yizhan.schemas.timestamps import Timestamp

MOST: Final = 128
"""Entries of each kind in one postmark."""


class EventStamp(NamedTuple):
    """What a postmark says of its event: which one, when it was received, under which charter."""

    event: Ref
    received: str
    charter: str


class Opens(ContractModel):
    """Obligations that an event opens by one rule: each of ``owes`` owes all of ``owed``, in one of its own.

    ``about`` and ``thread`` are left out where they are the event itself. With ``obligation`` it is the one of that
    name, which a withdrawal opened again; its ``owes`` owe it together.
    """

    rule: RuleId
    owes: Owing
    owed: Members
    due: Timestamp
    obligation: ObligationName | None = None
    about: Ref | None = None
    thread: EventId | None = None
    period: Period | None = None

    def followups(self, stamp: EventStamp) -> Iterator[Followup]:
        """Yield the statement of each obligation."""
        about = self.about if self.about is not None or self.period is not None else stamp.event
        thread = self.thread if self.thread is not None or self.period is not None else stamp.event.id
        groups = [self.owes] if self.obligation is not None else [(each,) for each in self.owes]
        for owes in groups:
            yield Followup(
                obligation=self.obligation or f"{self.rule}/{'' if about is None else about.id}/{owes[0]}",
                rule=self.rule, step=OPENED, owes=owes, owed=self.owed, about=about, thread=thread,
                period=self.period, opened=stamp.received, due=self.due, at=stamp.received, charter=stamp.charter,
            )  # fmt: skip

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.period is not None and self.obligation is None:
            message = "an event opens no obligation of a period but one that it opens again, by its name"
            raise ValueError(message)
        return self


class Ends(ContractModel):
    """An obligation that an event ends, or (``not-owed``) one that it does not, because its county does not owe it."""

    obligation: ObligationName
    rule: RuleId
    step: Literal["discharged", "cancelled", "not-owed"]
    owes: Owing
    owed: Members
    about: Ref | None = None
    thread: EventId | None = None
    period: Period | None = None
    opened: Timestamp
    due: Timestamp

    def followups(self, stamp: EventStamp) -> Iterator[Followup]:
        """Yield the statement of it."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        yield Followup(**said, at=stamp.received, by=stamp.event, charter=stamp.charter)

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.about is None and self.period is None:
            message = "expected what opened the obligation: an event in about, or a period"
            raise ValueError(message)
        return self


def postmark_entries(followups: Iterable[Followup], stamp: EventStamp) -> tuple[tuple[Opens, ...], tuple[Ends, ...]]:
    """Write the steps of an event as entries of its postmark, at most ``MOST`` of each kind (rule 2)."""
    opens, ends, seen = list[Opens](), list[Ends](), set[tuple[str, str]]()
    for each in followups:
        if (each.obligation, each.step) in seen:
            continue
        seen.add((each.obligation, each.step))
        if each.step == OPENED:
            _add(opens, each, stamp)
        else:
            ends.append(Ends.model_construct(**{name: getattr(each, name) for name in Ends.model_fields}))
    return tuple(opens[:MOST]), tuple(ends[:MOST])


def _add(opens: list[Opens], each: Followup, stamp: EventStamp) -> None:
    usual = each.about is not None and each.obligation == f"{each.rule}/{each.about.id}/{each.owes[0]}"
    made = Opens.model_construct(
        rule=each.rule, owes=each.owes, owed=each.owed, due=each.due, period=each.period,
        obligation=None if usual else each.obligation, about=None if each.about == stamp.event else each.about,
        thread=None if each.thread == stamp.event.id else each.thread,
    )  # fmt: skip
    last = opens[-1] if opens else None
    if usual and last is not None and last == made.model_copy(update={"owes": last.owes}):
        opens[-1] = last.model_copy(update={"owes": (*last.owes, *made.owes)})
    else:
        opens.append(made)
