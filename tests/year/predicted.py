"""What the year must lead to: a second, small implementation of the policy's terms. It knows nothing of the first.

Rules are typed by hand from the sample policy (docs and agreement), holidays from the State Council's notice for
2026 (国办发明电〔2025〕7号), days are counted by 刑事诉讼法 art. 105. All times are Beijing time, naive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from tests.year.table import FIRST, Row

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NINE = time(9)

OFF = {  # 元旦 春节 清明 劳动节 端午 中秋 国庆
    (1, 1), (1, 2), (1, 3), *((2, day) for day in range(15, 24)), (4, 4), (4, 5), (4, 6),
    *((5, day) for day in range(1, 6)), (6, 19), (6, 20), (6, 21), (9, 25), (9, 26), (9, 27),
    *((10, day) for day in range(1, 8)),
}  # fmt: skip
WORKED = {(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)}  # 调休上班


class Step(NamedTuple):
    """One statement that must be made, once; ``by`` is the id of an event."""

    obligation: str
    step: str
    at: datetime
    due: datetime
    owes: tuple[str, ...]
    owed: tuple[str, ...]
    to_whom: str | None
    by: str | None


# -- days --


def works(day: date) -> bool:
    """Return whether people work; of 2027 nothing but weekends was known in 2026."""
    if day.year == FIRST.year and (day.month, day.day) in OFF | WORKED:
        return (day.month, day.day) in WORKED
    return day.weekday() < 5


def end_of(day: date) -> datetime:
    """24:00 of a day."""
    return datetime.combine(day + DAY, time())


Term = Callable[[datetime, str], datetime]
"""From the opening to the end of the term; the priority ``flash`` may mean somebody in custody."""


def days(count: int) -> Term:
    """So many days, the first not counted; to the end of a working day, unless somebody may be in custody."""

    def due(opened: datetime, priority: str) -> datetime:
        last = opened.date() + count * DAY
        while priority != "flash" and not works(last):
            last += DAY
        return end_of(last)

    return due


def working_days(count: int) -> Term:
    """So many working days, the first day not counted."""

    def due(opened: datetime, _priority: str) -> datetime:
        return end_of(earlier_or_later(opened.date(), count, DAY))

    return due


def earlier_or_later(day: date, count: int, step: timedelta) -> date:
    """Go so many working days forward or back."""
    while count:
        day += step
        count -= works(day)
    return day


def after(span: timedelta) -> Term:
    """Minutes and hours, day and night."""
    return lambda opened, _priority: opened + span


# -- reminders: from opening and term to an instant --

When = Callable[[datetime, datetime], datetime]


def since(span: timedelta) -> When:
    """After the opening."""
    return lambda opened, _due: opened + span


def until(span: timedelta) -> When:
    """Before the term."""
    return lambda _opened, due: due - span


def on_day(count: int) -> When:
    """In the morning of so many days after the opening."""
    return lambda opened, _due: datetime.combine(opened.date() + count * DAY, NINE)


def days_left(count: int) -> When:
    """In the morning, so many days before the last day."""
    return lambda _opened, due: datetime.combine((due - DAY).date() - count * DAY, NINE)


def working_days_left(count: int) -> When:
    """In the morning, so many working days before the last day."""
    return lambda _opened, due: datetime.combine(earlier_or_later((due - DAY).date(), count, -DAY), NINE)


def half(opened: datetime, due: datetime) -> datetime:
    """Half-way."""
    return opened + (due - opened) / 2


def dated(month: int, day: int) -> When:
    """In the morning of a day of the year."""
    return lambda opened, _due: datetime.combine(date(opened.year, month, day), NINE)


def the_25th(opened: datetime, _due: datetime) -> datetime:
    """In the morning of the 25th."""
    return datetime.combine(opened.date().replace(day=25), NINE)


# -- the policy --


class Rule(NamedTuple):
    """How long, and who is reminded when."""

    term: Term
    reminders: tuple[tuple[str, str, When], ...] = ()


_IDENTITY = (
    ("third-day", "liaison", on_day(3)), ("fifth-day", "liaison", on_day(5)), ("one-day", "liaison", days_left(1)),
)  # fmt: skip
RULES: Mapping[str, Rule] = {
    "acknowledge": Rule(
        after(5 * MINUTE),
        (
            ("second-phone", "second", since(5 * MINUTE)),
            ("liaison-officer", "liaison", since(10 * MINUTE)),
            ("leader", "leader", since(15 * MINUTE)),
        ),
    ),
    "follow-up": Rule(after(2 * HOUR), (("soon", "duty", until(30 * MINUTE)),)),
    "final-report": Rule(after(24 * HOUR), (("soon", "duty", until(30 * MINUTE)),)),
    "verify-hotspot": Rule(after(2 * HOUR), (("half-time", "duty", until(HOUR)),)),
    "feedback": Rule(days(30), (("half-time", "liaison", half), ("one-day", "liaison", days_left(1)))),
    "feedback-flash": Rule(after(24 * HOUR), (("half-time", "duty", half),)),
    "identity-request": Rule(days(7), _IDENTITY),
    "identity-far": Rule(days(15), _IDENTITY),
    "assistance-interim": Rule(days(7), (("two-days", "liaison", days_left(2)),)),
    "assistance-answer": Rule(days(15), (("two-days", "liaison", days_left(2)),)),
    "missing-papers": Rule(working_days(1)),
    "countersign": Rule(working_days(3), (("one-day", "liaison", working_days_left(1)),)),
    "patrol-report": Rule(working_days(2), (("one-day", "liaison", working_days_left(1)),)),
    "dispute-status": Rule(days(30), (("three-days", "liaison", days_left(3)),)),
}
MONTHLY = (("the-25th", "liaison", the_25th), ("two-days", "liaison", working_days_left(2)))
QUARTERLY = (("five-days", "liaison", days_left(5)), ("one-day", "liaison", days_left(1)))
YEARLY = (
    ("september", "liaison", dated(9, 30)), ("november", "liaison", dated(11, 1)), ("december", "leader", dated(12, 1)),
)  # fmt: skip


@dataclass
class Owed:
    """One obligation, as the table has it."""

    rule: str
    owes: tuple[str, ...]
    owed: tuple[str, ...]
    opened: datetime
    due: datetime
    reminders: tuple[tuple[str, str, When], ...]
    ended: tuple[str, datetime, str] | None = None
    """Step, instant, event."""
    name: str = field(default="")

    def steps(self, ids: Callable[[str], str], until: datetime) -> Iterator[Step]:
        """Say every step up to an instant."""
        stops = until if self.ended is None else min(until, self.ended[1])

        def said(step: str, at: datetime, to_whom: str | None = None, by: str | None = None) -> Step:
            return Step(self.name, step, at, self.due, self.owes, self.owed, to_whom, by)

        if self.opened <= until:
            yield said("opened", self.opened)
        for step, to_whom, when in self.reminders if self.due >= self.opened else ():
            at = when(self.opened, self.due)
            if self.opened < at <= stops:
                yield said(step, at, to_whom)
        if max(self.due, self.opened) <= stops:
            yield said("overdue", max(self.due, self.opened))
        if self.ended is not None and self.ended[1] <= until:
            yield said(self.ended[0], self.ended[1], by=ids(self.ended[2]))


def predict(rows: Iterable[Row], pairs: Iterable[tuple[str, str]], until: datetime) -> list[Pair]:
    """Return what each pair owes; ask its ``steps`` once the events' ids are known."""
    made = {pair: Pair(pair, until) for pair in pairs}
    for row in rows:
        made[row.pair].take(row)
    return list(made.values())


class Pair:
    """What one pair owes."""

    def __init__(self, pair: tuple[str, str], until: datetime) -> None:
        self.pair, self._until = pair, until
        self.owed: dict[str, Owed] = {}
        self._rows: dict[str, Row] = {}
        self._calendar()

    def steps(self, ids: Mapping[str, str]) -> Iterator[Step]:
        """Say every step; ``ids`` are of this pair's events."""
        for key, each in self.owed.items():
            each.name = "/".join(ids.get(part, part) for part in key.split("/"))
            yield from each.steps(ids.__getitem__, self._until)

    def _calendar(self) -> None:
        for n in range(13):
            first, following = _month(n), _month(n + 1)
            if first <= self._until:
                self._each(f"monthly-contact/{first:%Y-%m}", first, following, MONTHLY)
        for n, label in enumerate(("2025Q4", "2026Q1", "2026Q2", "2026Q3", "2026Q4")):
            if _month(3 * n) <= self._until:
                self._each(f"quarterly-exchange/{label}", _month(3 * n), _month(3 * n) + 15 * DAY, QUARTERLY)
        for n, label in enumerate(("2026", "2027")):
            if _month(12 * n) <= self._until:
                name = f"consultation/{label}/{'-'.join(self.pair)}"
                owed = Owed("consultation", self.pair, (), _month(12 * n), _month(12 * n + 12), YEARLY)
                self.owed[name] = owed

    def _each(self, name: str, opened: datetime, due: datetime, reminders: tuple[tuple[str, str, When], ...]) -> None:
        for who, other in (self.pair, self.pair[::-1]):
            owed = Owed(name.partition("/")[0], (who,), (other,), opened, due, reminders)
            self.owed[f"{name}/{'-'.join(self.pair)}/{who}"] = owed

    def take(self, row: Row) -> None:
        """Let one row end and open what it says."""
        self._rows[row.event] = row
        for name in row.ends:
            step = "cancelled" if name.startswith("x:") else "discharged"
            ended = self.owed[self._key(name.removeprefix("x:"), row)]
            assert ended.ended is None, f"{name} ends twice in the table"
            ended.ended = step, row.at, row.event
        for word in row.opens:
            if word.startswith("again:"):
                self._again(self._key(word.removeprefix("again:"), row), row)
            else:
                self._open(row, word)

    def _open(self, row: Row, word: str) -> None:
        rule, _, who = word.partition(":")
        who, _, about = who.partition("/")
        owes, begin = row.side(who), row.at
        owed = row.partner if owes == row.county else row.county
        if rule == "patrol-report":
            begin = max(begin, end_of(date.fromisoformat(self._rows[row.about].of)) - MINUTE)
        due = RULES[rule].term(begin, "flash" if row.flash else "routine")
        made = Owed(rule, (owes,), (owed,), row.at, due, RULES[rule].reminders)
        self.owed[f"{rule}/{about or row.event}/{owes}"] = made

    def _again(self, key: str, row: Row) -> None:
        before = self.owed[key]
        made = Owed(before.rule, before.owes, before.owed, row.at, before.due, before.reminders)
        self.owed[f"{key}/{row.event}"] = made

    def _key(self, name: str, row: Row) -> str:
        """Turn ``rule/what/A`` into the key of an obligation."""
        rule, what, *rest = name.split("/")
        codes = [row.side(each) if each in {"A", "B"} else each for each in rest]
        if what[:2] == "20":
            codes.insert(0, "-".join(self.pair))
        return "/".join((rule, what, *codes))


def _month(n: int) -> datetime:
    return datetime(FIRST.year + n // 12, n % 12 + 1, 1)  # noqa: DTZ001 -- Beijing time
