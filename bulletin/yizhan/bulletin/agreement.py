"""Compares the signed figures of two counties for a quarter.

Rule 1: each side's signed figures are compared with our own count, item by item; nothing counts as agreed
        that one side has not signed.
Rule 2: a difference is reported with both values; people look into it.
Rule 3: each county cites its own manifests, and the partner's once it knows them; what only one side cites is no
        difference, what both cite must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from yizhan.bulletin.figures import COMPARED, digest, looked_up
from yizhan.bulletin.labels import COMPARED_NAMES
from yizhan.schemas.i18n import _

Verdict = Literal["same", "differs", "waiting"]


@dataclass(frozen=True, slots=True)
class FigureComparison:
    """One item compared: what we count now, what we signed, what they signed; empty for a value that does not exist."""

    item: str
    title: str
    word: Verdict
    counted: str
    ours: str
    theirs: str


def compared(
    made: Mapping[str, Any], ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None
) -> tuple[FigureComparison, ...]:
    """Compare our current figures with the two signed bulletins (their payloads; None if there is none).

    Single figures are compared only where the hashes differ.
    """
    found = [
        _one("figures", _("数字的指纹"), digest(made), _signed_value(ours, "figures"), _signed_value(theirs, "figures"))
    ]
    for name, counts in made["directions"].items():
        values = [None if each is None else _direction(each, name) for each in (ours, theirs)]
        found.append(_one(f"directions.{name}", name, f"{counts['letters']} {counts['root']}", *values))
    if found[0].word == "differs":
        found += [each for each in _numbers(made, ours, theirs) if each.word == "differs"]
    return (*found, *_manifests(made["pair"], ours, theirs))


def verdict(findings: Sequence[FigureComparison]) -> Verdict:
    """Return ``differs`` if anything does, ``waiting`` if something could not be compared, else ``same``."""
    words = {each.word for each in findings}
    return "differs" if "differs" in words else "waiting" if "waiting" in words else "same"


def _signed_value(signed: Mapping[str, Any] | None, name: str) -> str | None:
    return None if signed is None else str(signed.get(name, "—"))


def _one(item: str, title: str, counted: str, ours: str | None, theirs: str | None) -> FigureComparison:
    known = [each for each in (ours, theirs) if each is not None]
    result: Verdict = "differs" if any(each != counted for each in known) else "same" if len(known) == 2 else "waiting"  # noqa: PLR2004 -- both
    return FigureComparison(item, title, result, counted, ours or "", theirs or "")


def _direction(signed: Mapping[str, Any], name: str) -> str:
    for each in _listed(signed, "directions"):
        if f"{each.get('source')}>{each.get('to')}" == name:
            return f"{each.get('letters')} {each.get('root')}"
    return "—"


def _listed(signed: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]]:
    value = None if signed is None else signed.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def _numbers(
    made: Mapping[str, Any], ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None
) -> Iterator[FigureComparison]:
    numbers = [
        None if signed is None else {str(each.get("name")): each.get("value") for each in _listed(signed, "numbers")}
        for signed in (ours, theirs)
    ]
    for path in COMPARED:
        values = [None if each is None else _plain(each.get(path)) for each in numbers]
        yield _one(path, _(COMPARED_NAMES[path]), _plain(looked_up(made, path)), *values)


def _plain(value: object) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, int | float) else "—"


def _manifests(
    pair: Sequence[str], ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None
) -> Iterator[FigureComparison]:
    for code in pair:
        cited = [
            " ".join(sorted(str(each.get("hash")) for each in named if each.get("county") == code))
            for named in (_listed(ours, "manifests"), _listed(theirs, "manifests"))
        ]
        result: Verdict = "waiting" if not any(cited) else "differs" if all(cited) and cited[0] != cited[1] else "same"
        yield FigureComparison(f"manifests.{code}", code, result, "", *cited)
