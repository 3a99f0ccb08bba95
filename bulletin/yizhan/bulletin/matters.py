"""From letters to matters: one case, fire or report, however many letters report it.

Rule 1: a matter is all letters of one type on one thread, and letters of one county under one external_ref.
Rule 2: it stands as its latest letter says that was neither withdrawn nor superseded. One that has no such
        letter left is withdrawn: counted as that, and nowhere else.
Rule 3: superseded and withdrawn bind only from the same county, about the very hash, and an exercise takes
        back no real letter.
Rule 4: exercises and tests are no matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.schemas.payloads.table import NEVER_COUNTED, Counted, counted_as


@dataclass(frozen=True, slots=True)
class Matter:
    """One matter: its letters of the quarter in order, and the one that says how it stands (None: withdrawn)."""

    letters: tuple[QuarterEvent, ...]
    latest: QuarterEvent | None

    @property
    def first(self) -> QuarterEvent:
        """The letter that reported it first in this quarter."""
        return self.letters[0]

    @property
    def type(self) -> str:
        """What it is about."""
        return self.first.type

    @property
    def counted(self) -> Counted:
        """Among what the bulletin counts it."""
        return counted_as(self.type)

    @property
    def source(self) -> str:
        """The county that reported it first."""
        return self.first.source

    @property
    def continued(self) -> bool:
        """Whether it began before the quarter: its thread's first letter is not here."""
        return all(letter.id != letter.thread for letter in self.letters)

    @property
    def raw(self) -> Mapping[str, Any]:
        """What its latest letter says; empty for one withdrawn or never opened."""
        return {} if self.latest is None else self.latest.raw

    def grade(self) -> int | None:
        """Return the grade that its latest letter has, 1 the gravest."""
        return None if self.latest is None else self.latest.grade


@dataclass(frozen=True, slots=True)
class Replacements:
    """What became of letters: ids by which each was superseded or withdrawn."""

    superseded: Mapping[tuple[str, str], str]
    withdrawn: Mapping[tuple[str, str], str]

    def holds(self, letter: QuarterEvent) -> bool:
        """Tell whether a letter still says how things are."""
        gone = letter.key in self.superseded or letter.key in self.withdrawn
        return not gone and letter.withdraws is None and letter.opened


def ordered(letters: Iterable[QuarterEvent]) -> tuple[QuarterEvent, ...]:
    """Return each letter once, in the one order that all agree on; ids repeated with another hash stay."""
    return tuple(sorted({letter.key: letter for letter in letters}.values(), key=lambda each: each.order))


def standing(letters: Sequence[QuarterEvent]) -> Replacements:
    """Return what was superseded and withdrawn by letters of this quarter; the last one counts."""
    about = {letter.key: letter for letter in letters}
    found: dict[str, dict[tuple[str, str], str]] = {"supersedes": {}, "withdraws": {}}
    for each in letters:
        for name, gone in found.items():
            ref = getattr(each, name)
            if ref is None or ref[0][:6] != each.source:
                continue
            old = about.get(ref)
            if old is None or each.status == "Actual" or old.status != "Actual":
                gone[ref] = each.id
    return Replacements(found["supersedes"], found["withdraws"])


def matters(letters: Sequence[QuarterEvent], known: Replacements) -> tuple[Matter, ...]:
    """Gather ordered letters to matters, in the order in which they began."""
    real = [each for each in letters if each.status == "Actual" and each.type not in NEVER_COUNTED and not each.missing]
    parents: dict[object, object] = {}

    def root(name: object) -> object:
        while (above := parents.setdefault(name, name)) != name:
            parents[name] = name = parents.get(above, above)
        return name

    for each in real:
        thread = (each.type, each.thread)
        names = [(each.type, each.id)]
        names += [(each.type, ref[0]) for ref in (each.supersedes, each.withdraws) if ref is not None]
        outer = each.raw.get("external_ref")
        names += [(each.type, each.source, outer)] if isinstance(outer, str) else []  # type: ignore[list-item] # any name does
        for name in names:
            parents[root(name)] = root(thread)
    groups: dict[object, list[QuarterEvent]] = defaultdict(list)
    for each in real:
        groups[root((each.type, each.thread))].append(each)
    made = []
    for group in groups.values():
        alive = [each for each in group if known.holds(each)]
        made.append(Matter(tuple(group), alive[-1] if alive else None))
    return tuple(sorted(made, key=lambda each: each.first.order))
