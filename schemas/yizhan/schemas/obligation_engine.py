"""Opens, reminds of and ends obligations. Pure: events and ticks in, statements out.

Law 2: an obligation opens and ends by a signed header, or by a period of the calendar; nothing else moves it.
Law 4: whatever is read again says the same again: a step's statement has the same bytes, an ended obligation stays
       known (``KEPT``) so that what opened it cannot open it twice.
Law 5: each obligation names its rule, the charter that it was opened under, and what opened it.

Rule 1: time is the tick's and the broker's append time, never a clock's.
Rule 2: a step that came due while the station was away is said late, under the instant at which it was due; those of a
        period that had begun before the station first ran are not said.
Rule 3: exercises and tests owe nothing.
Rule 4: what is not done stays owed; after ``LAPSES`` it is closed as cancelled, and the audit has it for ever.
Rule 5: what a correction opens anew is owed once: for the correction.
Rule 6: a withdrawal discharges nothing. If it takes back what discharged an obligation, that is owed again, under
        the name of the obligation and of the withdrawal, until the same instant as before; what is no longer known
        stays ended.
Rule 7: an event that was learnt ``KEPT`` before it was received opens nothing: it may have been here before, and
        what it opened then may have ended and been forgotten.
Rule 8: an answer binds ``both`` only where the other side asked: nobody owes a patrol that it never planned.
Rule 9: parts of a station share the members: a part owns an obligation if it serves the first of ``owes``. Only its
        owner reminds of it, opens it with its period, and says that it is discharged. Other parts know it because
        their members' events may open or cancel it, or answer what opened it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from yizhan.schemas.charter import Charter, Charters
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Header, Ref, split_id
from yizhan.schemas.obligation_events import Event, of_type
from yizhan.schemas.obligation_index import ThreadIndex
from yizhan.schemas.obligation_periods import pairs, period_name
from yizhan.schemas.obligation_rebuilding import after_step
from yizhan.schemas.obligation_rules import ObligationRule
from yizhan.schemas.obligation_state import KEPT, ObligationState, forget_at, planned
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, OPENED
from yizhan.schemas.terms import periods
from yizhan.schemas.timestamps import instant, written

_Key = TypeVar("_Key")


class ObligationEngine:
    """All obligations of one alliance. Takes events and ticks in the order in which the station read them."""

    def __init__(self, obligations: Iterable[ObligationState] = (), serves: Collection[str] | None = None) -> None:
        """Continue from stored obligations; ``serves`` are the members of this part of the station (None: all)."""
        self._serves = serves
        self._begun: set[tuple[str, str, str]] = set()
        self._obligations: dict[str, ObligationState] = {}
        self._about: defaultdict[str, set[str]] = defaultdict(set)
        self._threads = ThreadIndex()
        self._periods: defaultdict[str, set[str]] = defaultdict(set)
        self._discharged_by: defaultdict[str, set[str]] = defaultdict(set)
        self._ended_at: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._reopened: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._waiting: list[tuple[str, str]] = []
        self._changed: dict[str, ObligationState | None] = {}
        for each in obligations:
            self._put(each)
        self._changed.clear()

    def __len__(self) -> int:
        """Count the open ones."""
        return sum(each.ended is None for each in self._obligations.values())

    def __iter__(self) -> Iterator[ObligationState]:
        """Iterate over all that are stored, ended ones too."""
        return iter(self._obligations.values())

    def owns(self, owes: tuple[str, ...]) -> bool:
        """Tell whether this part of the station owns what some members owe (rule 9)."""
        return self._serves is None or owes[0] in self._serves

    def get(self, name: str) -> ObligationState | None:
        """Return one by its id, or None."""
        return self._obligations.get(name)

    def changed(self) -> Mapping[str, ObligationState | None]:
        """Return what changed since the last call: id → obligation, None for what is forgotten."""
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
        """Yield the statements of ``observe`` one by one; those yielded stay if the caller fails at a later one."""
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
        for obligation in self._candidates(event):
            rule = event.rules.get(obligation.rule)
            if rule is None or not event.fits(obligation, rule):
                continue
            if event.header.county in obligation.owes and self.owns(obligation.owes) and event.binds(obligation, rule):
                yield from self._end(obligation, DISCHARGED, event)
            if rule.discharged.by == "answers":
                owing[obligation.rule].append(obligation)
        for obligations in owing.values():
            if not any(
                event.header.county in obligation.owes and event.answers == obligation.about
                for obligation in obligations
            ):
                yield event.not_owed(obligations[0])

    def for_owners(self, event: Event) -> Iterator[Followup]:
        """Yield the discharges by an event that other parts of the station have to say: they own the obligations."""
        if event.header.status != "Actual" or event.header.withdraws is not None:
            return
        for obligation in self._candidates(event):
            open_or_ours = obligation.ended is None or obligation.by == event.ref
            if open_or_ours and not self.owns(obligation.owes) and event.discharges(obligation):
                yield obligation.statement(DISCHARGED, event.at, event.charter.name, by=event.ref)

    def learn(self, step: Followup, charters: Charters) -> None:
        """Take a step that another part of the station said, or that this one said before it died."""
        if (learnt := after_step(self._obligations.get(step.obligation), step, charters)) is not None:
            self._put(learnt)

    def confirm(self, step: Followup) -> bool:
        """Discharge one of our obligations by an event that another part handled; tell whether it is to be said.

        Said again it is the same again; of two events the first counts.
        """
        known = self._obligations.get(step.obligation)
        if known is None or not self.owns(known.owes):
            return False
        if known.ended is None:
            self._put(known.after(step))
            return True
        return (known.by, known.ended) == (step.by, step.at)

    def _candidates(self, event: Event) -> list[ObligationState]:
        header, ids = event.header, set[str]()
        if event.answers is not None:
            ids |= self._about.get(event.answers.id, set())
        ids |= self._ended_at.get((header.id, event.at), set())
        for rule in event.rules.values():
            if rule.discharged.by == "thread" and of_type(rule, header.type):
                kind = partial(event.of_kind, rule)
                ids.update(self._threads.before(header.id, event.thread, rule.id, header.county, kind))
        if header.period is not None:
            ids |= self._periods.get(header.period, set())
        return [self._obligations[each] for each in sorted(ids)]

    def _cancel(self, event: Event, withdrawn: Ref) -> Iterator[Followup]:
        """End what an event opened that its own source withdraws."""
        for obligation in self._opened_by(event, withdrawn):
            yield from self._end(obligation, CANCELLED, event)
            if obligation.discharged:
                self._put(obligation.model_copy(update={"discharged": False}))

    def _replace(self, event: Event, opened: list[Followup]) -> Iterator[Followup]:
        """End what a corrected event opened where its correction opens the same."""
        if event.header.supersedes is not None:
            again = {(each.rule, each.owes) for each in opened if each.about == event.ref}
            for obligation in self._opened_by(event, event.header.supersedes):
                if (obligation.rule, obligation.owes) in again:
                    yield from self._end(obligation, CANCELLED, event)

    def _reopen(self, event: Event, withdrawn: Ref) -> Iterator[Followup]:
        """Open again what an event discharged that its own source withdraws."""
        if split_id(withdrawn.id)[0] != event.header.source:
            return
        for name in sorted(self._discharged_by.get(withdrawn.id, ())):
            obligation = self._obligations[name]
            rule, again = event.rules.get(obligation.rule), f"{obligation.first}/{event.header.id}"
            if rule is not None and obligation.by == withdrawn:
                if again not in self._obligations:
                    steps = planned(rule, event.received, instant(obligation.due), event.zone)
                    new = {"obligation": again, "opened": event.at, "charter": event.charter.name, "steps": steps}
                    self._put(obligation.model_copy(update=new | {"ended": None, "by": None, "discharged": False}))
                self._put(obligation.model_copy(update={"discharged": False}))
        # Read again, the same withdrawal says the same again.
        for name in sorted(self._reopened.get((event.header.id, event.at), ())):
            yield self._obligations[name].statement(OPENED, event.at, self._obligations[name].charter)

    def settle(self, withdrawn: Ref, source: str, at: str) -> None:
        """Note what a withdrawal of ``source`` took back, if its steps were read from its postmark, which does not say.

        What it opened again, or cancelled, no other withdrawal opens again.
        """
        names = self._about.get(withdrawn.id, set()) | self._discharged_by.get(withdrawn.id, set())
        for obligation in [self._obligations[name] for name in sorted(names)]:
            named = withdrawn in (obligation.about, obligation.by) and split_id(withdrawn.id)[0] == source
            if named and obligation.discharged and obligation.ended is not None and obligation.ended <= at:
                self._put(obligation.model_copy(update={"discharged": False}))

    def _opened_by(self, event: Event, earlier: Ref) -> list[ObligationState]:
        """Return the obligations that an earlier event opened, if the new event is of the same source."""
        if split_id(earlier.id)[0] != event.header.source:
            return []
        names = self._about.get(earlier.id, set()) | self._ended_at.get((event.header.id, event.at), set())
        return [each for name in sorted(names) if (each := self._obligations[name]).about == earlier]

    def _end(self, obligation: ObligationState, step: str, event: Event) -> Iterator[Followup]:
        """End an obligation by an event; what it ended before, it says again."""
        followup = obligation.statement(step, event.at, event.charter.name, by=event.ref)
        if obligation.ended is None:
            self._put(obligation.after(followup))
        # Read again it says the same again; sent again, at another time, it says nothing: one statement a step (law 4).
        if obligation.ended is None or (obligation.by == event.ref and obligation.ended == event.at):
            yield followup

    def _refused(self, event: Event) -> Iterator[Followup]:
        receipt, county = event.header.receipt, event.header.county
        if receipt is None or receipt.stage != "declined" or receipt.event is None:
            return
        asked = [self._obligations[each] for each in sorted(self._about.get(receipt.event.id, ()))]
        for rule in event.rules.values():
            for obligation in asked:
                if (
                    obligation.rule in (rule.opens.refused or ())
                    and county in obligation.owes
                    and obligation.about == receipt.event
                ):
                    yield from self._opened(event, rule, county, obligation.owed, receipt.event)

    def _open(self, event: Event) -> Iterator[Followup]:
        header = event.header
        for rule, recipients in event.openings():
            concerned = recipients
            if rule.owes == "both" and header.reply_to is not None:  # rule 8
                asked_by = self._asked_by(event)
                concerned = tuple(each for each in recipients if each in asked_by)
            if not concerned:
                continue
            if rule.owes in {"sender", "both"}:
                yield from self._opened(event, rule, header.county, concerned, event.ref)
            if rule.owes in {"recipients", "both"}:
                for each in concerned:
                    yield from self._opened(event, rule, each, (header.county,), event.ref)

    def _asked_by(self, event: Event) -> set[str]:
        """Tell who asked for what an event answers."""
        if event.answers is None:
            return set()
        about = (self._obligations[name] for name in self._about.get(event.answers.id, ()))
        county = event.header.county
        return {who for each in about if each.about == event.answers and county in each.owes for who in each.owed}

    def _opened(
        self, event: Event, rule: ObligationRule, owes: str, owed: tuple[str, ...], about: Ref
    ) -> Iterator[Followup]:
        name = f"{rule.id}/{about.id}/{owes}"
        if name not in self._obligations:
            due = event.due(rule)
            self._put(
                ObligationState(
                    obligation=name, rule=rule.id, owes=(owes,), owed=owed, about=about, thread=event.thread,
                    opened=event.at, due=due, charter=event.charter.name,
                    steps=planned(rule, event.received, instant(due), event.zone),
                )
            )  # fmt: skip
        obligation = self._obligations[name]
        # The same event again says the same again; a second refusal of one request opens nothing new.
        if obligation.opened == event.at:
            yield obligation.statement(OPENED, obligation.opened, obligation.charter)

    # -- time --

    def tick(self, now: datetime, charters: Charters) -> list[Followup]:
        """Advance the time to ``now`` and return the steps that fell due, the earliest first."""
        return list(self.ticking(now, charters))

    def ticking(self, now: datetime, charters: Charters) -> Iterator[Followup]:
        """Yield the steps of ``tick`` one by one; if the caller fails at one, the rest come at the next tick."""
        yield from self._begin(now, charters.in_force(now))
        until = written(now)
        while self._waiting and self._waiting[0][0] <= until:
            at, name = heapq.heappop(self._waiting)
            obligation = self._obligations.get(name)
            if obligation is None:
                continue
            if obligation.ended is not None:
                if at == forget_at(obligation):
                    self._forget(obligation)
            elif obligation.steps and obligation.steps[0].at == at:
                yield self._step(obligation, charters.in_force(instant(at)).name)

    def _step(self, obligation: ObligationState, charter: str) -> Followup:
        at, step, to_whom = obligation.steps[0]
        followup = obligation.statement(step, at, charter, to_whom)
        self._put(obligation.after(followup))
        return followup

    def _begin(self, now: datetime, charter: Charter) -> Iterator[Followup]:
        """Open what the calendar opens."""
        zone = ZoneInfo(charter.time_zone)
        for rule in charter.policy.obligations.values():
            for label, opened, due in periods(rule, now, zone):
                begun = (charter.name, rule.id, label)
                if begun in self._begun:  # a tick costs the same for six members and for six hundred
                    continue
                steps = tuple(each for each in planned(rule, opened, due, zone) if each.at >= written(now))
                for owes, owed in pairs(rule, charter):
                    name = period_name(rule, label, owes, owed)
                    if name in self._obligations or not self.owns(owes):
                        continue
                    obligation = ObligationState(
                        obligation=name, rule=rule.id, owes=owes, owed=owed, period=label, opened=written(opened),
                        due=written(due), charter=charter.name, steps=steps,
                    )  # fmt: skip
                    self._put(obligation)
                    # Said at the tick: the station, its charter and its key may be younger than the period.
                    yield obligation.statement(OPENED, written(now), charter.name)
                self._begun.add(begun)

    # -- keeping --

    def _put(self, obligation: ObligationState) -> None:
        name = obligation.obligation
        if (before := self._obligations.get(name)) is not None:
            self._leave_indexes(before)
        self._obligations[name] = self._changed[name] = obligation
        for index, key in self._indexes(obligation):
            index[key].add(name)
        if obligation.ended is None:
            self._threads.add(obligation)
            if obligation.steps and self.owns(obligation.owes):
                heapq.heappush(self._waiting, (obligation.steps[0].at, name))
        else:
            heapq.heappush(self._waiting, (forget_at(obligation), name))

    def _forget(self, obligation: ObligationState) -> None:
        self._changed[obligation.obligation] = None
        del self._obligations[obligation.obligation]
        self._leave_indexes(obligation)

    def _leave_indexes(self, obligation: ObligationState) -> None:
        self._threads.remove(obligation)
        for index, key in self._indexes(obligation):
            _leave(index, key, obligation.obligation)

    def _indexes(self, obligation: ObligationState) -> Iterator[tuple[defaultdict[Any, set[str]], Any]]:
        """Yield where an obligation is found.

        What ended and cannot change any more is found by what would repeat it only: an event that is answered, or an
        answer that is withdrawn, ten thousand times costs as much as once.
        """
        again, by, ended = obligation.again, obligation.by, obligation.ended
        if obligation.about is not None and (again is None or ended is None or obligation.discharged):
            yield self._about, obligation.about.id
        if obligation.period is not None:
            yield self._periods, obligation.period
        if again is not None:
            yield self._reopened, (again, obligation.opened)
        if by is not None and ended is not None:
            yield self._ended_at, (by.id, ended)
            if obligation.discharged:
                yield self._discharged_by, by.id


def _leave(index: dict[_Key, set[str]], key: _Key, name: str) -> None:
    """Take a name out of an index, and the key with the last one."""
    if key in index:
        index[key].discard(name)
        if not index[key]:
            del index[key]
