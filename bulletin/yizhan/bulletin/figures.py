"""The figures of a quarter between two counties: a pure function, the same bytes on both sides.

Rule 1: no clock, no order of arrival, no "we" and "they": sides are member codes, directions ``from>to``.
Rule 2: a matter counts once, at its latest stage (``matters``); events are counted separately from matters.
Rule 3: what cannot be read or has not arrived is counted as such, never left out silently.
Rule 4: an empty quarter has figures too: zeros (零报告).
Rule 5: figures are compared only with figures counted the same way; if there are none of that quarter, the result
        says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from yizhan.bulletin import aggregates
from yizhan.bulletin.matters import Matter, Replacements, matters, ordered, standing
from yizhan.bulletin.quarter_events import QuarterEvent, QuarterObligation
from yizhan.schemas.merkle import leaf_hash, root
from yizhan.schemas.payloads.forest_fire import FIRE_OUT
from yizhan.schemas.payloads.table import NEVER_COUNTED, Counted
from yizhan.schemas.policy import Way
from yizhan.schemas.quarters import Quarter

FORM: Final = "yizhan.figures.v1"
TYPICAL: Final = 3
_NO_GRADE: Final = 9
COMPARED: Final = (
    "letters",
    "cases.criminal.all",
    "cases.administrative.all",
    "cases.criminal.reached.立案",
    "cases.criminal.reached.侦破",
    "cases.criminal.reached.移诉",
    "cases.timber_m3",
    "cases.animals",
    "fires.all",
    "fires.burnt_ha",
    "fires.forest_ha",
    "disasters.all",
    "intelligence.all",
    "intelligence.fed_back",
    "obligations.missed",
)
"""Figures that the overview compares with the last quarter and the same quarter of last year."""


def figures(
    label: str,
    pair: tuple[str, str],
    time_zone: str,
    events: Iterable[QuarterEvent],
    obligations: Iterable[QuarterObligation] = (),
    earlier: Callable[[str], Mapping[str, Any] | None] = lambda _label: None,
) -> dict[str, Any]:
    """Count a quarter.

    Args:
        label: such as ``2026Q3``.
        pair: the two member codes, in any order.
        time_zone: of the alliance, for months and days.
        letters: events between the two in that quarter, in any order, repeats allowed.
        obligations: state of the obligations between the two at its end.
        earlier: returns the figures of another quarter, None if there are none.
    """
    codes = tuple(sorted(pair))
    everything = ordered(events)
    known = standing(everything)
    found = matters(everything, known)
    counted = [each for each in everything if each.type not in NEVER_COUNTED]
    owed = sorted(obligations, key=lambda each: (each.due, each.obligation))
    made = {
        "form": FORM,
        "label": label,
        "pair": list(codes),
        "time_zone": time_zone,
        "letters": len(counted),
        "empty": not counted,
        "classification": _classification(counted),
        "directions": {
            f"{source}>{to}": _direction([each for each in counted if each.source == source], known)
            for source, to in (codes, codes[::-1])
        },
        **_contents(found),
        "by_county": {code: _contents([each for each in found if each.source == code]) for code in codes},
        "withdrawn": sum(each.latest is None and any(one.opened for one in each.events) for each in found),
        "types": aggregates.counted(each.type for each in found if each.latest is not None),
        "months": _months(label, time_zone, found),
        "obligations": _obligations(owed),
        "open": _open(found, owed),
        "typical": proposed(found),
        "points": _points(found),
    }
    made["compared"] = _compared(made, earlier)
    return made


def canonical(made: Mapping[str, Any]) -> bytes:
    """Serialise figures as they are hashed: UTF-8, names sorted, no spaces."""
    text = json.dumps(made, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def digest(made: Mapping[str, Any]) -> str:
    """Return the SHA-256 of figures, in hex."""
    return hashlib.sha256(canonical(made)).hexdigest()


def looked_up(made: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 -- JSON is any
    """Return a figure by its path, ``cases.criminal.all``.

    Raises:
        KeyError: there is no such figure.
    """
    here: Any = made
    for name in path.split("."):
        here = here[name] if isinstance(here, Mapping) else _nothing(path)
    return here


def _nothing(path: str) -> Any:  # noqa: ANN401 -- it only raises
    raise KeyError(path)


def proposed(found: Sequence[Matter]) -> list[str]:
    """Return ids of the first events of typical cases: the gravest grade first, then the furthest stage."""

    def rank(matter: Matter) -> tuple[int, int, tuple[str, str, int, str]]:
        stage = matter.raw.get("case_stage")
        far = aggregates.STAGES.index(stage) if stage in aggregates.STAGES[:4] else -1
        return matter.grade() or _NO_GRADE, -far, matter.first.order

    kinds = {Counted.CASES, Counted.FIRES, Counted.DISASTERS}
    chosen = [
        each for each in found if each.latest is not None and each.counted in kinds and each.raw.get("nature") != "线索"
    ]
    return [each.first.id for each in sorted(chosen, key=rank)[:TYPICAL]]


def _classification(events: Sequence[QuarterEvent]) -> str:
    """Return the highest classification of what was counted; a bulletin has at least 内部."""
    found = {str(each.raw.get("classification")) for each in events}
    return "工作秘密" if "工作秘密" in found else "内部"


def _contents(found: Sequence[Matter]) -> dict[str, Any]:
    return {
        "cases": aggregates.cases(found),
        "fires": aggregates.fires(found),
        "disasters": aggregates.disasters(found),
        "hotspots": aggregates.hotspots(found),
        "intelligence": aggregates.intelligence(found),
    }


def _direction(sent: Sequence[QuarterEvent], known: Replacements) -> dict[str, Any]:
    """Count the events of one direction; ``root`` is over their hashes in the agreed order (RFC 9162)."""
    here = [each for each in sent if not each.missing]
    hashes = sorted(bytes.fromhex(each.hash) for each in sent)
    return {
        "letters": len(sent),
        "root": root(map(leaf_hash, hashes)).hex(),
        **{way.value: sum(each.way is way for each in sent) for way in Way},
        "exercises": sum(each.status != "Actual" for each in here),
        "superseded": sum(each.key in known.superseded for each in here),
        "withdrawn": sum(each.key in known.withdrawn for each in here),
        "unreadable": sum(not each.opened for each in here),
        "missing": len(sent) - len(here),
    }


def _months(label: str, time_zone: str, found: Sequence[Matter]) -> dict[str, Any]:
    quarter = Quarter.parse(label)
    zone = ZoneInfo(time_zone)
    months = [f"{quarter.year}-{quarter.number * 3 - 2 + n:02d}" for n in range(3)]
    kinds = {"cases": Counted.CASES, "fires": Counted.FIRES, "intelligence": Counted.REPORTS}
    made = {month: dict.fromkeys(kinds, 0) for month in months}
    for each in found:
        month = datetime.fromisoformat(each.first.time).astimezone(zone).strftime("%Y-%m")
        # Events before the quarter that were sent in it are counted in its first month.
        month = min(max(month, months[0]), months[-1])
        for name, kind in kinds.items():
            made[month][name] += each.latest is not None and each.counted is kind
    return made


def _obligations(owed: Sequence[QuarterObligation]) -> dict[str, Any]:
    states = ("due", "met", "late", "missed", "cancelled")
    rules = sorted({each.rule for each in owed})
    counties = sorted({each.owes for each in owed})

    def table(some: Iterable[QuarterObligation]) -> dict[str, int]:
        listed: list[str] = [each.state for each in some]
        return {state: listed.count(state) for state in states}

    return {
        "all": len(owed),
        **table(owed),
        "by_rule": {rule: table(each for each in owed if each.rule == rule) for rule in rules},
        "by_county": {code: table(each for each in owed if each.owes == code) for code in counties},
    }


def _answers(matter: Matter) -> bool:
    """Return whether this is a final answer; an interim answer leaves the matter open."""
    if matter.latest is None:
        return False
    if matter.counted is Counted.FEEDBACK:
        return matter.raw.get("result") != aggregates.CHECKING
    return matter.counted is Counted.RESPONSES and matter.latest.stage == "final"


def _open(found: Sequence[Matter], owed: Sequence[QuarterObligation]) -> list[dict[str, str]]:
    """List what stays open for the next quarter: reason in one word, what, who must act, since or until when."""
    answered = {each.first.thread for each in found if _answers(each)}
    listed = []
    for each in found:
        why, debtor = _unfinished(each, answered)
        if why:
            listed.append({"why": why, "id": each.first.id, "type": each.type, "whose": debtor, "at": each.first.time})
    for one in owed:
        if one.state in {"due", "missed"}:
            item = {"why": one.state, "id": one.obligation, "type": one.rule, "whose": one.owes, "at": one.due}
            listed.append(item)
    return listed


def _unfinished(matter: Matter, answered: Collection[str]) -> tuple[str, str]:
    """Return why a matter is open, and who must act; empty words if it is not open."""
    latest, raw, partner = matter.latest, matter.raw, matter.first.to
    if latest is None:
        return "", ""
    unfinished = latest.stage != "final"
    why = {
        Counted.FIRES: ("burning", latest.source, unfinished and raw.get("state") not in FIRE_OUT),
        Counted.REPORTS: (
            "no_feedback",
            partner,
            aggregates.asks_feedback(matter) and matter.first.thread not in answered,
        ),
        Counted.REQUESTS: ("no_answer", partner, matter.first.thread not in answered),
        Counted.DISPUTES: ("dispute", latest.source, unfinished and raw.get("state") != "办结"),
        Counted.HOTSPOTS: ("unverified", partner, raw.get("verification") == "待核查"),
    }.get(matter.counted)
    return why[:2] if why is not None and why[2] else ("", "")


def _points(found: Sequence[Matter]) -> list[dict[str, Any]]:
    """List the positions of matters, to about 100 m: [longitude, latitude], WGS 84."""
    made = []
    for each in found:
        place = each.raw.get("place")
        position = place.get("position") if isinstance(place, dict) else None
        at = position.get("coordinates") if isinstance(position, dict) else None
        if isinstance(at, list) and len(at) == 2 and all(isinstance(one, int | float) for one in at):  # noqa: PLR2004
            made.append({"type": each.type, "at": [round(float(one), 3) for one in at]})
    return made


def _compared(made: Mapping[str, Any], earlier: Callable[[str], Mapping[str, Any] | None]) -> dict[str, Any]:
    """Compare figures with the last quarter and the same quarter of last year: None if there are none."""
    quarter = Quarter.parse(made["label"])
    before = {"last_quarter": quarter.previous(), "last_year": Quarter(quarter.year - 1, quarter.number)}
    compared: dict[str, Any] = {}
    for name, other in before.items():
        old = earlier(str(other))
        values = None if old is None else {path: looked_up(old, path) for path in COMPARED}
        compared[name] = {"label": str(other), "values": values}
    return compared
