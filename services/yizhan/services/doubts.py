"""The doubts that a draft of a county raises: the one way to ask ``producers.doubts`` for file, form, table and CAP.

Rule 1: what a person was asked about goes by the answer; what nobody can be asked about, by ``goes_unasked``.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final

from yizhan.producers.doubts import HOLDING, Doubt, Judgement, Sender
from yizhan.runtime.clock import utc_now
from yizhan.schemas.charter import Charter
from yizhan.schemas.i18n import _, join_list, with_note
from yizhan.services.home import Home
from yizhan.services.labels import DOUBTS, type_name
from yizhan.services.outlines import home_outlines
from yizhan.services.stores import read_inbox, read_outbox

if TYPE_CHECKING:
    from yizhan.producers.geography import Outlines


def sender_of(
    home: Home,
    county: str,
    *,
    charter: Charter | None = None,
    now: datetime | None = None,
    outlines: Outlines | None = None,
) -> Sender:
    """Return the desk of a county; by default under the charter in force, now, with the home's outlines."""
    return Sender(
        county,
        charter or home.charter,
        now or utc_now(),
        lambda: outlines or home_outlines(home),
        lambda event_id: _is_known(home, county, event_id),
    )


EVERY_DOUBT: Final = frozenset(Doubt)


def goes_unasked(judged: Judgement, *, forced: bool, holding: Collection[Doubt] = HOLDING) -> bool:
    """Tell whether a draft goes where nobody can be asked about its doubts; ``forced`` where they were waived before.

    A fire whose time is odd goes at once; one that would ring nowhere waits for a person. What is imported from
    tables and satellites is held by ``EVERY_DOUBT``.
    """
    return forced or not set(holding) & set(judged.doubts)


def doubt_sentences(home: Home, judged: Judgement) -> list[str]:
    """Say each doubt of a draft, for file, form, table, hotspot and CAP."""
    named = (code if meant is None else with_note(code, f"{meant}?") for code, meant in judged.strangers)
    facts = {
        "type": type_name(judged.draft.type),
        "county": home.member_name(judged.county or ""),
        "there": _county_name(home, judged.there or ""),
        "basis": judged.grade.basis if judged.grade is not None else "",
        "strangers": join_list(named),
    }
    return [_(DOUBTS[doubt]).format(**facts) for doubt in judged.doubts]


def _county_name(home: Home, code: str) -> str:
    """Return what people call a county, a member or another one that the outlines have."""
    outlines = home_outlines(home)
    named = "" if outlines is None else outlines.name(code)
    return home.member_name(code) if code in home.charter.members else with_note(named, code)


def _is_known(home: Home, county: str, event_id: str) -> bool:
    with read_outbox(home, county) as outbox, read_inbox(home, county) as inbox:
        sent = outbox is not None and outbox.event(event_id) is not None
        return sent or (inbox is not None and inbox.item(event_id) is not None)
