"""Code lists: dated data with their source, because law moves.

Rule 1: a list says from when it holds and who issued it; both are shown where it is used.
Rule 2: an entry is found by its value, its name, a short form or its article.

The lists are ``data/codes.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from yizhan.schemas.i18n import _


@dataclass(frozen=True, slots=True)
class Code:
    """One entry."""

    value: str
    """What stands in a payload."""
    name: str
    """Chinese name."""
    en: str
    article: str | None = None
    """Article of the law as written there, ``345①``."""
    also: tuple[str, ...] = ()
    """Other spellings that are understood."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """One dated list."""

    title: str
    date: str
    """From when it holds in this form, ``YYYY-MM-DD``."""
    source: str
    note: str
    entries: tuple[Code, ...]
    _index: Mapping[str, Code] = field(repr=False, compare=False)

    def find(self, text: str) -> Code | None:
        """Return the entry that ``text`` names, or None."""
        return self._index.get(_plain(text))

    def refusal(self) -> str:
        """Return a sentence with what was expected, for a value that is not in the list."""
        values = ", ".join(entry.value for entry in self.entries)
        sentence = _("应为其中之一：{values}（{source}，{date}）")
        return sentence.format(values=values, source=self.source, date=self.date)


def _plain(text: str) -> str:
    return text.strip().replace("、", "").removesuffix("罪")


def _load() -> Mapping[str, CodeList]:
    text = files("yizhan.schemas").joinpath("data").joinpath("codes.json").read_text(encoding="utf-8")
    lists = {}
    for name, listed in json.loads(text).items():
        entries = tuple(
            Code(
                value=entry.get("value", entry["name"]),
                name=entry["name"],
                en=entry["en"],
                article=entry.get("article"),
                also=tuple(entry.get("also", ())),
            )
            for entry in listed["entries"]
        )
        index = {_plain(word): entry for entry in entries for word in (entry.value, entry.name, *entry.also)}
        lists[name] = CodeList(
            listed["title"], listed["date"], listed["source"], listed["note"], entries, MappingProxyType(index)
        )
    return MappingProxyType(lists)


CODES: Final = _load()
"""Name → list."""
