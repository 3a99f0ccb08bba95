"""Obligations out of the station's statements about them: for a table that was lost, and for what others have said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from yizhan.schemas.charter import Charters
from yizhan.schemas.followups import Followup
from yizhan.schemas.obligation_state import ObligationState, planned
from yizhan.schemas.obligation_steps import CANCELLED, NOT_OWED, OPENED
from yizhan.schemas.timestamps import instant


def rebuild(statements: Iterable[Followup], charters: Charters) -> Iterator[ObligationState]:
    """Yield the obligations that statements describe, in any order."""
    heard: defaultdict[str, dict[str, Followup]] = defaultdict(dict)
    for each in statements:
        if each.step != NOT_OWED:
            heard[each.obligation][each.step] = each
    yield from (_again(steps, charters) for steps in heard.values() if OPENED in steps)


def after_step(known: ObligationState | None, step: Followup, charters: Charters) -> ObligationState | None:
    """Return an obligation (None: not known) after a step that was said before; None if that changes nothing."""
    if step.step == NOT_OWED:
        return None
    if known is None:
        return next(rebuild([step], charters), None)
    if known.ended is None:
        return known.after(step) if step.step != OPENED else None
    if step.step == CANCELLED and known.discharged:
        return known.model_copy(update={"discharged": False})
    return None


def _again(steps: Mapping[str, Followup], charters: Charters) -> ObligationState:
    first = steps[OPENED]
    charter = charters.charter_for(instant(first.opened), first.charter)
    rule = charter.policy.obligations.get(first.rule)
    zone = ZoneInfo(charter.time_zone)
    all_steps = () if rule is None else planned(rule, instant(first.opened), instant(first.due), zone)
    if first.period is not None:  # what had come due before the station first ran is not said
        all_steps = tuple(each for each in all_steps if each.at >= first.at)
    obligation = ObligationState.of(first, all_steps)
    for each in steps.values():
        obligation = obligation.after(each)
    return obligation
