"""State of obligations at a quarter's end, from the station's followup statements.

Rule 1: a statement's own instants decide, never its arrival; later statements are ignored, so the figures of a
        quarter are the same a year later.
Rule 2: an obligation belongs to every quarter in which it was open: it opened before the quarter's end and had
        not ended before its start.
Rule 3: where both owe together, it is counted for each of them.
Rule 4: an obligation that is owed again, because its discharge was withdrawn, is counted once, as owed again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import permutations

from yizhan.bulletin.quarter_events import ObligationState, QuarterObligation
from yizhan.schemas.followups import Followup
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, ENDS, NOT_OWED
from yizhan.schemas.timestamps import written


def quarter_obligations(
    statements: Iterable[Followup], pair: tuple[str, str], since: datetime, until: datetime
) -> tuple[QuarterObligation, ...]:
    """Return the obligations between the two, or of both together, in a quarter.

    Args:
        statements: verified, in any order, repeats allowed.
        pair: the two member codes.
        since: first instant of the quarter.
        until: first instant after it, or the latest known instant.
    """
    start, end = written(since), written(until)
    steps: dict[str, dict[str, Followup]] = defaultdict(dict)
    for each in statements:
        if each.at < end and each.opened < end and each.step != NOT_OWED:
            steps[each.obligation][each.step] = each
    again = {name.rpartition("/")[0] for name in steps}
    made = []
    for name, found in sorted(steps.items()):
        last = max(found.values(), key=lambda each: (each.at, each.step))
        if name in again or any(found[step].at < start for step in ENDS & set(found)):
            continue
        state = _state(found, last.due, end)
        for code, other in permutations(sorted(pair)):
            if code in last.owes and other in {*last.owed, *last.owes}:
                made.append(QuarterObligation(name, last.rule, code, other, state, last.due))
    return tuple(made)


def _state(found: Mapping[str, Followup], due: str, end: str) -> ObligationState:
    if CANCELLED in found:
        return "cancelled"
    if DISCHARGED in found:
        return "met" if found[DISCHARGED].at <= due else "late"
    return "missed" if due < end else "due"
