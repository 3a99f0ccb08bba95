"""Who owes what right now: the obligations of the charter at work. Pure: events and ticks in, statements out.

Law 2: a duty opens and ends by a signed header, or by a period of the calendar; nothing else moves it.
Law 4: whatever is read again says the same again: a step's statement has the same bytes, an ended duty stays
       known (``KEPT``) so that what opened it cannot open it twice.
Law 5: each duty names its rule, the charter that it was opened under, and what opened it.

Rule 1: time is the tick's and the broker's append time, never a clock's.
Rule 2: a step that came due while the station was away is said late, under the instant at which it was due; those of a
        period that had begun before the station first ran are not said.
Rule 3: exercises and tests owe nothing.
Rule 4: what is not done stays owed; after ``LAPSES`` it is closed as cancelled, and the audit has it for ever.
Rule 5: what a correction opens anew is owed once: for the correction.
Rule 6: a withdrawal discharges nothing. If it takes back what discharged a duty, that is owed again, under the name of
        the duty and of the withdrawal, until the same instant as before; what is no longer known stays ended.
Rule 7: an event that was learnt ``KEPT`` before it was received opens nothing: it may have been here before, and
        what it opened then be ended and forgotten.
Rule 8: an answer binds ``both`` only where the other side asked: nobody owes a patrol that it never planned.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from yizhan.schemas.followups import CANCELLED, DISCHARGED, NOT_OWED, OPENED, Followup
from yizhan.schemas.header import Header, Ref, split_id
from yizhan.schemas.obligation_events import Event, of_type
from yizhan.schemas.obligation_rules import ObligationRule, matches
from yizhan.schemas.obligation_state import KEPT, ObligationState, forgotten, planned
from yizhan.schemas.terms import periods, term
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from yizhan.schemas.charter import Charter, Charters

_Key = TypeVar("_Key")


class ObligationEngine:
    """All duties of one alliance: fed with events and ticks, in the order in which the station met them."""

    def __init__(self, duties: Iterable[ObligationState] = ()) -> None:
        """Go on from kept duties; from nothing if there are none."""
        self._duties: dict[str, ObligationState] = {}
        self._about: defaultdict[str, set[str]] = defaultdict(set)
        self._threads: defaultdict[tuple[str | None, str], set[str]] = defaultdict(set)
        self._periods: defaultdict[str, set[str]] = defaultdict(set)
        self._ended_by: defaultdict[str, set[str]] = defaultdict(set)
        self._waiting: list[tuple[str, str]] = []
        self._changed: dict[str, ObligationState | None] = {}
        for each in duties:
            self._put(each)
        self._changed.clear()

    def __len__(self) -> int:
        """How many are open."""
        return sum(each.ended is None for each in self._duties.values())

    def __iter__(self) -> Iterator[ObligationState]:
        """Go through all that are known, ended ones too."""
        return iter(self._duties.values())

    def get(self, obligation: str) -> ObligationState | None:
        """Return one by its id, or None."""
        return self._duties.get(obligation)

    def changed(self) -> Mapping[str, ObligationState | None]:
        """Return what changed since the last call: id → duty, None for what is to be forgotten."""
        changed, self._changed = self._changed, {}
        return changed

    # -- events --

    def observe(
        self, header: Header, digest: bytes, ways: Mapping[str, str], received: datetime, charter: Charter
    ) -> list[Followup]:
        """Take an admitted event.

        Args:
            header: verified.
            digest: the event's hash, 32 bytes.
            ways: recipient → ``alarm``, ``notice`` or ``digest``, as decided.
            received: the broker's append time.
            charter: in force then.

        Returns:
            The statements that follow, in order.
        """
        return list(self.observing(header, digest, ways, received, charter))

    def observing(
        self, header: Header, digest: bytes, ways: Mapping[str, str], received: datetime, charter: Charter
    ) -> Iterator[Followup]:
        """Take an admitted event as ``observe`` does; what is yielded stays said, should a later step fail."""
        if header.status != "Actual":
            return
        event = Event(header, Ref(id=header.id, hash=digest.hex()), ways, received, charter)
        if header.withdraws is not None:
            yield from self._cancel(event, header.withdraws)
            yield from self._reopen(event, header.withdraws)
            return
        yield from self._discharge(event)
        if instant(header.time) + KEPT < received:  # rule 7
            return
        yield from self._refused(event)
        opened = [*self._open(event)]
        yield from self._replace(event, opened)
        yield from opened

    def _discharge(self, event: Event) -> Iterator[Followup]:
        owing: defaultdict[str, list[ObligationState]] = defaultdict(list)
        for duty in self._candidates(event):
            rule = event.rules.get(duty.rule)
            if rule is None or not event.fits(duty, rule):
                continue
            if event.header.county in duty.owes and event.binds(duty, rule):
                yield from self._end(duty, DISCHARGED, event)
            if rule.discharged.by == "answers":
                owing[duty.rule].append(duty)
        for duties in owing.values():
            if not any(event.header.county in duty.owes and event.answers == duty.about for duty in duties):
                yield event.not_owed(duties[0])

    def _candidates(self, event: Event) -> list[ObligationState]:
        header, ids = event.header, set[str]()
        if event.answers is not None:
            ids |= self._about.get(event.answers.id, set())
        ids |= self._ended_by.get(header.id, set())
        for rule in event.rules.values():
            if rule.discharged.by == "thread" and of_type(rule, header.type):
                ids |= self._threads.get((event.thread, rule.id), set())
        if header.period is not None:
            ids |= self._periods.get(header.period, set())
        return [self._duties[each] for each in sorted(ids)]

    def _cancel(self, event: Event, gone: Ref) -> Iterator[Followup]:
        """End what an event opened that its own source withdraws."""
        for duty in self._named(event, gone, self._about):
            if duty.about == gone:
                yield from self._end(duty, CANCELLED, event)
                if duty.discharged:
                    self._put(duty.model_copy(update={"discharged": False}))

    def _replace(self, event: Event, opened: list[Followup]) -> Iterator[Followup]:
        """End what a corrected event opened where its correction opens the same."""
        if event.header.supersedes is not None:
            again = {(each.rule, each.owes) for each in opened if each.about == event.ref}
            for duty in self._named(event, event.header.supersedes, self._about):
                if duty.about == event.header.supersedes and (duty.rule, duty.owes) in again:
                    yield from self._end(duty, CANCELLED, event)

    def _reopen(self, event: Event, gone: Ref) -> Iterator[Followup]:
        """Open again what an event discharged that its own source withdraws."""
        for duty in self._named(event, gone, self._ended_by):
            name, rule = f"{duty.first}/{event.header.id}", event.rules.get(duty.rule)
            if rule is None or duty.by != gone or not (duty.discharged or name in self._duties):
                continue
            if name not in self._duties:
                steps = planned(rule, event.received, instant(duty.due), event.zone)
                again = {"obligation": name, "opened": event.at, "charter": event.charter.name, "steps": steps}
                self._put(duty.model_copy(update=again | {"ended": None, "by": None, "discharged": False}))
                self._put(duty.model_copy(update={"discharged": False}))
            if self._duties[name].opened == event.at:
                yield self._duties[name].says(OPENED, event.at, self._duties[name].charter)

    def _named(self, event: Event, gone: Ref, index: Mapping[str, set[str]]) -> list[ObligationState]:
        """Return what an index has under an event, if it is its own source that speaks."""
        own = split_id(gone.id)[0] == event.header.source
        return [self._duties[each] for each in sorted(index.get(gone.id, ()))] if own else []

    def _end(self, duty: ObligationState, step: str, event: Event) -> Iterator[Followup]:
        """End a duty by an event; what it ended before, it says again."""
        said = duty.says(step, event.at, event.charter.name, by=event.ref)
        if duty.ended is None:
            self._put(duty.after(said))
        # Read again it says the same again; sent again, at another time, it says nothing: one statement a step (law 4).
        if duty.ended is None or (duty.by == event.ref and duty.ended == event.at):
            yield said

    def _refused(self, event: Event) -> Iterator[Followup]:
        receipt, county = event.header.receipt, event.header.county
        if receipt is None or receipt.stage != "declined" or receipt.event is None:
            return
        asked = [self._duties[each] for each in sorted(self._about.get(receipt.event.id, ()))]
        for rule in event.rules.values():
            for duty in asked:
                if duty.rule in (rule.opens.refused or ()) and county in duty.owes and duty.about == receipt.event:
                    yield from self._opened(event, rule, county, duty.owed, receipt.event)

    def _open(self, event: Event) -> Iterator[Followup]:
        header = event.header
        facts = {each: event.facts(each) for each in event.ways}
        for rule in event.rules.values():
            if rule.opens.when is None or rule.audit:
                continue
            concerned = tuple(each for each, said in facts.items() if matches(rule.opens.when, said))
            if rule.owes == "both" and header.reply_to is not None:  # rule 8
                concerned = tuple(each for each in concerned if each in self._asked_by(event))
            if not concerned:
                continue
            if rule.owes in {"sender", "both"}:
                yield from self._opened(event, rule, header.county, concerned, event.ref)
            if rule.owes in {"recipients", "both"}:
                for each in concerned:
                    yield from self._opened(event, rule, each, (header.county,), event.ref)

    def _asked_by(self, event: Event) -> set[str]:
        """Tell who asked for what an event answers."""
        duties = () if event.answers is None else (self._duties[each] for each in self._about.get(event.answers.id, ()))
        return {
            each for duty in duties if duty.about == event.answers and event.header.county in duty.owes
            for each in duty.owed
        }  # fmt: skip

    def _opened(
        self, event: Event, rule: ObligationRule, owes: str, owed: tuple[str, ...], about: Ref
    ) -> Iterator[Followup]:
        name = f"{rule.id}/{about.id}/{owes}"
        if name not in self._duties:
            due = written(term(rule.due, event.received, event.header, event.zone))
            self._put(
                ObligationState(
                    obligation=name, rule=rule.id, owes=(owes,), owed=owed, about=about, thread=event.thread,
                    opened=event.at, due=due, charter=event.charter.name,
                    steps=planned(rule, event.received, instant(due), event.zone),
                )
            )  # fmt: skip
        duty = self._duties[name]
        # The same event again says the same again; a second refusal of one request opens nothing new.
        if duty.opened == event.at:
            yield duty.says(OPENED, duty.opened, duty.charter)

    # -- time --

    def tick(self, now: datetime, charters: Charters) -> list[Followup]:
        """Let time come as far as ``now``; what fell due until then is said, the earliest first."""
        return list(self.ticking(now, charters))

    def ticking(self, now: datetime, charters: Charters) -> Iterator[Followup]:
        """Let time come as ``tick`` does; should a step fail, what comes after it is said at the next tick."""
        yield from self._begin(now, charters.in_force(now))
        until = written(now)
        while self._waiting and self._waiting[0][0] <= until:
            at, name = heapq.heappop(self._waiting)
            duty = self._duties.get(name)
            if duty is None:
                continue
            if duty.ended is not None:
                if at == forgotten(duty):
                    self._forget(duty)
            elif duty.steps and duty.steps[0].at == at:
                yield self._step(duty, charters.in_force(instant(at)).name)

    def _step(self, duty: ObligationState, charter: str) -> Followup:
        at, step, to_whom = duty.steps[0]
        said = duty.says(step, at, charter, to_whom)
        self._put(duty.after(said))
        return said

    def _begin(self, now: datetime, charter: Charter) -> Iterator[Followup]:
        """Open what the calendar opens."""
        zone = ZoneInfo(charter.time_zone)
        for rule in charter.policy.obligations.values():
            for label, opened, due in periods(rule, now, zone):
                for owes, owed in _pairs(rule, charter):
                    name = f"{rule.id}/{label}/{'-'.join(sorted({*owes, *owed}))}"
                    name += "" if rule.owes == "pair" else f"/{owes[0]}"
                    if name in self._duties:
                        continue
                    steps = tuple(each for each in planned(rule, opened, due, zone) if each.at >= written(now))
                    duty = ObligationState(
                        obligation=name, rule=rule.id, owes=owes, owed=owed, period=label, opened=written(opened),
                        due=written(due), charter=charter.name, steps=steps,
                    )  # fmt: skip
                    self._put(duty)
                    # Said at the tick: the station, its charter and its key may be younger than the period.
                    yield duty.says(OPENED, written(now), charter.name)

    # -- keeping --

    def _put(self, duty: ObligationState) -> None:
        name = duty.obligation
        if name not in self._duties:
            if duty.about is not None:
                self._about[duty.about.id].add(name)
            if duty.period is not None:
                self._periods[duty.period].add(name)
        self._duties[name] = self._changed[name] = duty
        # By thread only what is open, and by its rule: a long thread, or one made to be long, costs as much as another.
        if duty.ended is None:
            self._threads[duty.thread, duty.rule].add(name)
            if duty.steps:
                heapq.heappush(self._waiting, (duty.steps[0].at, name))
        else:
            _leave(self._threads, (duty.thread, duty.rule), name)
            if duty.by is not None:
                self._ended_by[duty.by.id].add(name)
            heapq.heappush(self._waiting, (forgotten(duty), name))

    def _forget(self, duty: ObligationState) -> None:
        name = duty.obligation
        self._changed[name] = None
        del self._duties[name]
        about, by = (None if each is None else each.id for each in (duty.about, duty.by))
        for index, key in ((self._about, about), (self._periods, duty.period), (self._ended_by, by)):
            if key is not None:
                _leave(index, key, name)
        _leave(self._threads, (duty.thread, duty.rule), name)


def _leave(index: dict[_Key, set[str]], key: _Key, name: str) -> None:
    """Take a name out of an index, and the key with the last one."""
    if key in index:
        index[key].discard(name)
        if not index[key]:
            del index[key]


def rebuild(said: Iterable[Followup], charters: Charters) -> ObligationEngine:
    """Make the book again from what the station had said, in any order: from the audit, should the table be lost."""
    heard: defaultdict[str, dict[str, Followup]] = defaultdict(dict)
    for each in said:
        if each.step != NOT_OWED:
            heard[each.obligation][each.step] = each
    return ObligationEngine(_again(steps, charters) for steps in heard.values() if OPENED in steps)


def _again(steps: Mapping[str, Followup], charters: Charters) -> ObligationState:
    first = steps[OPENED]
    charter = charters.judging(instant(first.opened), first.charter)
    rule = charter.policy.obligations.get(first.rule)
    zone = ZoneInfo(charter.time_zone)
    all_steps = () if rule is None else planned(rule, instant(first.opened), instant(first.due), zone)
    if first.period is not None:  # rule 2
        all_steps = tuple(each for each in all_steps if each.at >= first.at)
    duty = ObligationState(
        **{name: getattr(first, name) for name in ("obligation", "rule", "owes", "owed", "about", "thread", "period")},
        opened=first.opened, due=first.due, charter=first.charter, steps=all_steps,
    )  # fmt: skip
    for each in steps.values():
        duty = duty.after(each)
    return duty


def _pairs(rule: ObligationRule, charter: Charter) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    for pair in charter.alliance.pairs:
        one, other = sorted(pair)
        if rule.owes == "pair":
            yield (one, other), ()
        else:
            yield (one,), (other,)
            yield (other,), (one,)
