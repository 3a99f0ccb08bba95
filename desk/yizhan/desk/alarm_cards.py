"""An alarm as the duty page shows it: what an officer must know before signing for it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yizhan.consumers.bell.labels import rung_name
from yizhan.consumers.items import Item
from yizhan.consumers.labels import sentence
from yizhan.consumers.receipts import standing
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.matters import Answer
from yizhan.schemas.payloads.letters import (
    CERTAINTIES,
    GRADES,
    PRESSING,
    PRIORITIES,
    headline,
    report_name,
    state_name,
)
from yizhan.schemas.payloads.table import type_name
from yizhan.services.home import Home
from yizhan.services.labels import stage_name

LONGEST: Final = 240
"""Characters of what the sender wrote that a card shows."""
ACKNOWLEDGE: Final = "acknowledge"
"""The rule of the policy whose reminders are the ladder."""


@dataclass(frozen=True, slots=True)
class LadderStep:
    """A step of the ladder: ``minutes`` after the alarm came to the station, the rung that is called then."""

    minutes: int
    rung: str


@dataclass(frozen=True, slots=True)
class AlarmCard:
    """What a card shows. ``tags`` are (class, word); ``grade`` 0: not graded yet; ``at`` when the station had it."""

    id: str
    grade: int
    grade_word: str
    title: str
    tags: tuple[tuple[str, str], ...]
    county: str
    at: str
    distance: str
    place: str
    text: str
    asks: str
    warnings: tuple[str, ...]
    drill: bool
    ladder: tuple[LadderStep, ...]
    position: tuple[float, float] | None
    standing: str
    """What the card was made from: an answer that comes after a change is not taken."""
    answers: tuple[Answer, ...] = ()


def alarm_card(home: Home, item: Item) -> AlarmCard:
    """Return the card of an alarm; its content goes into the access log before (``services.inbox``)."""
    header = item.header
    raw = {} if item.contents is None else item.contents.raw
    grade = header.grade or 0
    report = " ".join(filter(None, (report_name(header, item.update), state_name(raw))))
    return AlarmCard(
        id=item.id,
        grade=grade,
        grade_word=_(GRADES[grade]) if grade in GRADES else _("未定级"),
        title=" ".join(filter(None, (type_name(item.type), report))),
        tags=tuple(_tags(item)),
        county=item.county,
        at=item.received,
        distance=_distance(raw),
        place=place_words(raw),
        text=headline(raw, LONGEST),
        asks=_asks(raw),
        warnings=tuple(sentence(each) for each in item.warnings),
        drill=item.status != "Actual",
        ladder=ladder_steps(home),
        position=position_of(raw),
        standing=standing(item),
        answers=item.answers,
    )


def _tags(item: Item) -> list[tuple[str, str]]:
    header = item.header
    found = []
    if item.status != "Actual":
        found.append(("drill", _("演练") if item.status == "Exercise" else _("测试")))
    if header.priority in PRESSING:
        found.append(("flash" if header.priority == "flash" else "urgent", _(PRIORITIES[header.priority])))
    if header.certainty is not None:
        verified = header.certainty == "Observed"
        found.append(("" if verified else "unv", _(CERTAINTIES[header.certainty]) if verified else _("未核实")))
    return found


def _distance(raw: Mapping[str, Any]) -> str:
    border = raw.get("border")
    metres = border.get("distance_m") if isinstance(border, dict) else None
    if not isinstance(metres, int | float):
        return ""
    return _("{km} 公里").format(km=f"{metres / 1000:.1f}") if metres >= 1000 else _("{m} 米").format(m=round(metres))  # noqa: PLR2004 -- a kilometre


def place_words(raw: Mapping[str, Any]) -> str:
    """Return where it is, below the county."""
    place = raw.get("place")
    if not isinstance(place, dict):
        return ""
    return "".join(str(place[name]) for name in ("township", "village", "spot") if isinstance(place.get(name), str))


def position_of(raw: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return (longitude, latitude) of where it is (WGS84); None without one."""
    place = raw.get("place")
    position = place.get("position") if isinstance(place, dict) else None
    found = position.get("coordinates") if isinstance(position, dict) else None
    if isinstance(found, list) and len(found) >= 2 and all(isinstance(each, int | float) for each in found[:2]):  # noqa: PLR2004 -- a point
        return float(found[0]), float(found[1])
    return None


def _asks(raw: Mapping[str, Any]) -> str:
    asked = raw.get("ask")
    return join_list(_(each) for each in asked if isinstance(each, str)) if isinstance(asked, list) else ""


def ladder_steps(home: Home) -> tuple[LadderStep, ...]:
    """Return when which rung is called while nobody acknowledges, by the charter."""
    rule = home.charter.policy.obligations.get(ACKNOWLEDGE)
    if rule is None:
        return ()
    return tuple(
        LadderStep(each.after_minutes, rung_name(each.to)) for each in rule.reminders if each.after_minutes is not None
    )


@dataclass(frozen=True, slots=True)
class AlarmEnd:
    """What became of an alarm that rings no more."""

    id: str
    words: str
    at: str
    signed: bool


def alarm_end(home: Home, item: Item) -> AlarmEnd:
    """Say who acknowledged an alarm, or why it rings no more."""
    if item.answers:
        first = item.answers[0]
        words = f"{first.name} {home.local_time(first.at)[11:]} {stage_name(first.stage)}"
        return AlarmEnd(item.id, words, first.at, signed=True)
    return AlarmEnd(item.id, sentence(item.state), item.stored, signed=False)


def by_urgency(cards: Sequence[AlarmCard]) -> list[AlarmCard]:
    """Order cards: real ones before exercises, the gravest first, then the oldest."""
    return sorted(cards, key=lambda each: (each.drill, each.grade or 9, each.at))
