"""Sums over matters, independent of the order of adding.

Rule 1: amounts are added as decimals, so that the same matters give the same sum in any order.
Rule 2: a wrong value in a payload (not a number, an unknown word) adds nothing and raises nothing; the event is
        still counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from yizhan.bulletin.matters import Matter
from yizhan.schemas.payloads.table import Counted

STAGES: Final = ("受案", "立案", "侦破", "移诉", "撤案")
_AFTER_FILING: Final = STAGES[1:4]
BRANCHES: Final = {"criminal": ("刑事",), "administrative": ("治安", "林业行政"), "clues": ("线索",)}
CHECKING: Final = "核查中"
_UNITS: Final = {"m³": "timber_m3", "株": "plants", "只": "animals", "亩": "mu", "公斤": "kg"}
Number = int | float


def number(value: object) -> Decimal:
    """Return a payload's number exactly as written; 0 for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return Decimal(0)


def plain(value: Decimal) -> Number:
    """Return a sum as JSON has it: an integer if it is whole, else with at most three decimals.

    >>> plain(Decimal("3.50")), plain(Decimal("2.0"))
    (3.5, 2)
    """
    cut = value.quantize(Decimal("0.001"))
    return int(cut) if cut == cut.to_integral_value() else float(cut)


def total(found: Iterable[Mapping[str, Any]], name: str) -> Number:
    """Add up one field."""
    return plain(sum((number(each.get(name)) for each in found), Decimal(0)))


def words(found: Iterable[Mapping[str, Any]], name: str) -> dict[str, int]:
    """Count each value of a field."""
    return counted(each[name] for each in found if isinstance(each.get(name), str))


def counted(values: Iterable[str]) -> dict[str, int]:
    """Count words, sorted."""
    return dict(sorted(Counter(values).items()))


def cases(found: Sequence[Matter]) -> dict[str, Any]:
    """Count cases, each once at its latest stage; ``reached`` counts how many reached at least that stage.

    A case that was dropped (撤案) is in no ``reached``: it is no longer a case that was filed.
    """
    raws = [each.raw for each in found if each.counted is Counted.CASES and each.latest is not None]
    made: dict[str, Any] = {"all": len(raws)}
    for branch, natures in BRANCHES.items():
        ours = [raw for raw in raws if raw.get("nature") in natures]
        at = {stage: sum(raw.get("case_stage") == stage for raw in ours) for stage in STAGES}
        made[branch] = {
            "all": len(ours),
            "nature": {nature: sum(raw.get("nature") == nature for raw in ours) for nature in natures},
            "stage": at,
            "reached": {stage: sum(at[later] for later in _AFTER_FILING[n:]) for n, stage in enumerate(_AFTER_FILING)},
        }
    made["charges"] = words((raw for raw in raws if raw.get("nature") == "刑事"), "charge")
    made["value_cny"] = total(raws, "value_cny")
    made["suspects"] = words((one for raw in raws for one in _listed(raw, "suspects")), "status")
    made |= objects(raws)
    return made


def objects(raws: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what was cut, caught or taken: by unit, animals and plants also by protection."""
    sums = dict.fromkeys(_UNITS.values(), Decimal(0))
    by_class: dict[str, dict[str, Decimal]] = {"animals": {}, "plants": {}}
    for one in (one for raw in raws for one in _listed(raw, "objects")):
        name = _UNITS.get(str(one.get("unit")))
        if name is None:
            continue
        quantity = number(one.get("quantity"))
        sums[name] += quantity
        if name in by_class:
            level = str(one.get("protection"))
            by_class[name][level] = by_class[name].get(level, Decimal(0)) + quantity
    made: dict[str, Any] = {name: plain(value) for name, value in sums.items()}
    for name, levels in by_class.items():
        made[f"{name}_by_protection"] = {level: plain(value) for level, value in sorted(levels.items())}
    return made


def _listed(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = raw.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def fires(found: Sequence[Matter]) -> dict[str, Any]:
    """Count fires and their damage."""
    alive = [each for each in found if each.counted is Counted.FIRES and each.latest is not None]
    raws = [each.raw for each in alive]
    return {
        "all": len(alive),
        "burnt_ha": total(raws, "burnt_ha"),
        "forest_ha": total(raws, "forest_ha"),
        "dead": total(raws, "dead"),
        "injured": total(raws, "injured"),
        "crossed": sum(raw.get("crossing") in {"烧入", "烧出"} for raw in raws),
        "grade": counted(str(grade) for each in alive if (grade := each.grade()) is not None),
        "state": words(raws, "state"),
    }


def disasters(found: Sequence[Matter]) -> dict[str, Any]:
    """Count disasters and their victims."""
    raws = [each.raw for each in found if each.counted is Counted.DISASTERS and each.latest is not None]
    people = {name: total(raws, name) for name in ("dead", "missing", "evacuated")}
    return {"all": len(raws), **people, "class": words(raws, "class")}


def hotspots(found: Sequence[Matter]) -> dict[str, Any]:
    """Count hotspots by the result of their verification."""
    raws = [each.raw for each in found if each.counted is Counted.HOTSPOTS and each.latest is not None]
    return {"all": len(raws), "verification": words(raws, "verification")}


def intelligence(found: Sequence[Matter]) -> dict[str, Any]:
    """Count reports provided, and the other side's use of them.

    A report's feedback is the latest one on its thread; ``used`` are those that led to something.
    """
    reports = [each for each in found if each.counted is Counted.REPORTS and each.latest is not None]
    answers = [each for each in found if each.counted is Counted.FEEDBACK and each.latest is not None]
    raws = [each.raw for each in answers]
    return {
        "all": len(reports),
        "kind": words([each.raw for each in reports], "kind"),
        "asked": sum(asks_feedback(each) for each in reports),
        "fed_back": sum(raw.get("result") != CHECKING for raw in raws),
        "checking": sum(raw.get("result") == CHECKING for raw in raws),
        "result": words(raws, "result"),
        "use": words(raws, "use"),
        "used": sum(isinstance(raw.get("use"), str) and raw["use"] != "未使用" for raw in raws),
        **{name: total(raws, name) for name in ("cases_filed", "cases_solved", "persons_caught")},
    }


def asks_feedback(matter: Matter) -> bool:
    """Return whether a report asks for feedback: its header wants it, or it names a deadline."""
    return matter.latest is not None and (matter.latest.wants == "feedback" or "feedback_by" in matter.raw)
