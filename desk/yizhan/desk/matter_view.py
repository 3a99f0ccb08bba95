"""A matter as the page of an item shows it: the words of both sides in the order of time, and where it happened.

Rule 1: what its sender corrected stays in the thread; what a report changed stands beside it, old and new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yizhan.desk.alarm_cards import place_words, position_of
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.i18n import _, with_note
from yizhan.schemas.matters import CountyAnswer, EventRole, MatterEvent, event_role
from yizhan.schemas.payloads.letters import officer_name
from yizhan.schemas.payloads.table import SYSTEM_TYPES, middle_name
from yizhan.services.home import Home
from yizhan.services.item_text import LAST, Change, changes, content_rows
from yizhan.services.labels import stage_name
from yizhan.services.matter_text import role_name
from yizhan.services.matters import Timeline

MOST_EVENTS: Final = 100
"""The newest ones of a matter that a page shows."""
MOST_CHANGES: Final = 12
LONGEST: Final = 4000
"""Characters of one letter in the thread; the whole is on its own page."""
_SAYING: Final = ("summary", "text", "title")
_STEPS: Final = ("acknowledged", "opened", "delivered", "received", "sent", "sealed")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the thread: a letter, or (``event`` None) what an officer answered to one.

    ``progress`` are (recipient, step, time) of an own letter; ``kind`` is the type's short name where the county can
    go on with it.
    """

    at: str
    county: str
    ours: bool
    title: str
    text: str
    by: str
    event: MatterEvent | None = None
    changes: tuple[Change, ...] = ()
    progress: tuple[tuple[str, str, str], ...] = ()
    kind: str = ""
    gone: str = ""
    """That it was corrected or withdrawn since."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of the matter on the map."""

    lon: float
    lat: float
    label: str
    grade: int


def thread_lines(home: Home, county: str, timeline: Timeline) -> list[Line]:
    """Return the lines of a thread, the oldest first."""
    events = timeline.events[-MOST_EVENTS:]
    gone = dict(_gone(timeline.events))
    found = [(each.header.time, 0, _letter(home, county, timeline, each, gone)) for each in events]
    found += [
        (answer.at, 1, _answer(county, answer, role_name(each, timeline))) for each in events for answer in each.answers
    ]
    return [line for _at, _order, line in sorted(found, key=lambda each: each[:2])]


def _letter(home: Home, county: str, timeline: Timeline, event: MatterEvent, gone: dict[str, str]) -> Line:
    header, raw = event.header, _raw(event)
    ours = header.county == county
    text = next((raw[name] for name in _SAYING if isinstance(raw.get(name), str)), "")
    if event.contents is None:
        text = _("内容打不开，或已销毁")
    before = _before(timeline.events, event)
    told = [] if before is None else changes(home, before, event.contents)  # type: ignore[arg-type]
    goes_on = ours and header.type not in SYSTEM_TYPES and header.withdraws is None and header.id not in gone
    return Line(
        at=header.time,
        county=header.county,
        ours=ours,
        title=role_name(event, timeline),
        text=text[:LONGEST],
        by=officer_name(raw.get("drafted_by") or raw.get("by")),
        event=event,
        changes=tuple(told[:MOST_CHANGES]),
        progress=tuple(_progress(timeline, header.id)),
        kind=middle_name(header.type) if goes_on else "",
        gone=gone.get(header.id, ""),
    )


def _answer(county: str, answer: CountyAnswer, what: str) -> Line:
    who = with_note(answer.name, answer.badge) if answer.name else ""
    title = f"{who} {stage_name(answer.stage)}".strip()
    return Line(answer.at, answer.county, answer.county == county, title, answer.note or "", what)


def _progress(timeline: Timeline, event_id: str) -> Iterator[tuple[str, str, str]]:
    for recipient, steps in timeline.progress.get(event_id, {}).items():
        reached = next((name for name in _STEPS if steps.get(name)), None)
        if reached is not None:
            yield recipient, reached, steps[reached] or ""


def _gone(events: Sequence[MatterEvent]) -> Iterator[tuple[str, str]]:
    for each in events:
        if each.header.supersedes is not None:
            yield each.header.supersedes.id, _("已更正")
        if each.header.withdraws is not None:
            yield each.header.withdraws.id, _("已撤回")


def _before(events: Sequence[MatterEvent], event: MatterEvent) -> Any:  # noqa: ANN401 -- contents, or None
    """Return what its sender said in the report before this one, in the same form."""
    header = event.header
    if event.contents is None or header.type == NOTICE:
        return None
    earlier = [
        each
        for each in events[: events.index(event)]
        if (each.header.county, each.header.type) == (header.county, header.type) and each.contents is not None
    ]
    return earlier[-1].contents if earlier else None


def latest_report(timeline: Timeline, item_id: str) -> MatterEvent | None:
    """Return the newest report of an item's sender in the same form that stands: what is so now."""
    event = next((each for each in timeline.events if each.header.id == item_id), None)
    if event is None:
        return None
    gone = {each for each, _words in _gone(timeline.events)}
    kept = [
        each
        for each in timeline.events
        if (each.header.county, each.header.type) == (event.header.county, event.header.type)
        and each.contents is not None
        and each.header.id not in gone
        and event_role(each, timeline.threads) is not EventRole.WITHDRAWAL
    ]
    return kept[-1] if kept else event


def spots(timeline: Timeline) -> list[Spot]:
    """Return the places of a matter, one for each point, as its newest report names it."""
    found: dict[tuple[float, float], Spot] = {}
    for each in timeline.events[-MOST_EVENTS:]:
        raw = _raw(each)
        if (at := position_of(raw)) is not None and each.header.type != RECEIPT:
            found[at] = Spot(*at, place_words(raw) or each.header.id, each.header.grade or 0)
    return list(found.values())


def facts(home: Home, event: MatterEvent | None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the values of a report: those that say what is so, and who reported it and the like.

    What its author wrote in whole sentences stands in the thread.
    """
    if event is None or event.contents is None:
        return [], []
    raw = event.contents.raw
    place = place_words(raw)
    names = [*raw]
    first = [name for name in names if name not in {*LAST, *_SAYING, "place", "attachments", "by", "kind"}]
    said = [(_("地点"), place)] if place else []
    said += content_rows(home, event.contents, without=set(names) - set(first))
    return said, list(content_rows(home, event.contents, without={*first, *_SAYING, "attachments", "kind"}))


def _raw(event: MatterEvent) -> dict[str, Any]:
    return {} if event.contents is None else dict(event.contents.raw)
