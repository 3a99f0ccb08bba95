"""Grades that the law's figures propose: forest fires (森林防火条例 art. 40), cases (the courts' interpretations).

Rule 1: thresholds are dated data with their source (``data/thresholds.json``); law moves, this file does not.
Rule 2: a grade is proposed with its basis; an officer decides. Below the first threshold none is proposed.
Rule 3: what was not yet compared with the text of the law says so in the basis (待核对).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from yizhan.schemas import codes
from yizhan.schemas.i18n import _


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, and the value at which each step of its scale begins (inclusive)."""

    of: str
    """A field of the payload, or a unit in which its ``objects`` are counted."""
    name: str
    unit: str
    starts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """One rule of law: which grade a matter has from which figures on."""

    id: str
    type: str
    charge: str | None
    source: str
    date: str
    """From when it holds, ``YYYY-MM-DD``."""
    checked: bool
    """Whether a person compared it with the text."""
    note: str
    steps: tuple[str, ...]
    """What the law calls each step, the lightest first."""
    grades: tuple[int, ...]
    """Grade of the header for each step: 4 一般 … 1 特别重大."""
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A grade, its basis, and the rule of law with its date."""

    grade: int
    basis: str
    source: str
    date: str


def _load() -> tuple[Scale, ...]:
    text = files("yizhan.schemas").joinpath("data").joinpath("thresholds.json").read_text(encoding="utf-8")
    return tuple(
        Scale(
            **{name: one[name] for name in ("id", "type", "charge", "source", "date", "checked", "note")},
            steps=tuple(one["steps"]),
            grades=tuple(one["grades"]),
            measures=tuple(Measure(m["of"], m["name"], m["unit"], tuple(m["from"])) for m in one["measures"]),
        )
        for one in json.loads(text)["scales"]
    )


SCALES: Final = _load()


def propose_grade(type: str, payload: Mapping[str, Any]) -> Proposal | None:
    """Propose a grade from the figures of a payload; None where the law's figures say nothing.

    Args:
        type: an event type.
        payload: as its sender writes it; what is missing or no number yet is passed over.
    """
    charge = payload.get("charge")
    found = codes.CODES["charges"].find(charge) if isinstance(charge, str) else None
    for scale in SCALES:
        if scale.type == type and scale.charge == (None if found is None else found.value):
            reached = [(step, m, amount) for m, amount in _amounts(scale, payload) for step in _step(m, amount)]
            return _proposal(scale, max(reached, key=lambda one: one[0])) if reached else None
    return None


def _amounts(scale: Scale, payload: Mapping[str, Any]) -> Iterator[tuple[Measure, float]]:
    objects = payload.get("objects")
    counted = [one for one in objects if isinstance(one, Mapping)] if isinstance(objects, list | tuple) else []
    for measure in scale.measures:
        amounts = [payload.get(measure.of)]
        amounts += [one.get("quantity") for one in counted if one.get("unit") == measure.of]
        numbers = [each for each in amounts if isinstance(each, int | float) and not isinstance(each, bool)]
        if numbers:
            yield measure, sum(numbers)


def _step(measure: Measure, amount: float) -> Iterator[int]:
    """Yield the highest step that an amount reaches, if any."""
    reached = [n for n, start in enumerate(measure.starts) if amount >= start]
    yield from reached[-1:]


def _proposal(scale: Scale, reached: tuple[int, Measure, float]) -> Proposal:
    step, measure, amount = reached
    sentence = _("{name} {amount:g} {unit}，达到“{step}”（{start:g} {unit}起）；{source}（{date}起施行）")
    basis = sentence.format(
        name=measure.name,
        amount=amount,
        unit=measure.unit,
        step=scale.steps[step],
        start=measure.starts[step],
        source=scale.source,
        date=scale.date,
    )
    return Proposal(scale.grades[step], basis if scale.checked else basis + _("，标准待核对"), scale.source, scale.date)
