"""The analyst's text as the fields of a form, and back: sections and cases as plain strings.

Rule 1: a line that the file would read as a heading or as the program's own keeps its words: a space stands before it.
Rule 2: characters that nobody sees become spaces, as in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from yizhan.bulletin.labels import SECTIONS
from yizhan.bulletin.text import MOST_CASES, TextLine, Writing
from yizhan.bulletin.text_store import BulletinText
from yizhan.schemas.header import split_id
from yizhan.schemas.invisible import blanked

PASSAGES: Final = tuple(name for name in SECTIONS if name != "typical")
MOST_CHARACTERS: Final = 8000
"""Of one field, names of figures included; a passage that is printed has at most ``text.LONGEST``."""
_READ_OTHERWISE: Final = re.compile(r"[%#＃]")


def fields_of(writing: Writing, kept: tuple[tuple[str, str], ...] = ()) -> BulletinText:
    """Return the fields of a text that was read from its file."""
    passages = {name: _joined(writing.passages.get(name, ())) for name in PASSAGES}
    cases = None if writing.cases is None else {name: _joined(lines) for name, lines in writing.cases.items()}
    return BulletinText(passages, cases, kept)


def writing_of(text: BulletinText, before: Writing | None) -> Writing:
    """Return the text for its file; it was written for the same figures as the one ``before``."""
    passages = {name: _lines(text.passages.get(name, "")) for name in PASSAGES}
    cases = None if text.cases is None else {name: _lines(words) for name, words in text.cases.items()}
    return Writing(passages, cases, *(() if before is None else (before.figures, before.seen)))


def clean_text(
    passages: Mapping[str, str], cases: Mapping[str, str] | None, kept: tuple[tuple[str, str], ...]
) -> BulletinText:
    """Return what came from a form, as it is kept: known sections only, invisible characters as spaces."""
    known = {name: clean_field(passages.get(name, "")) for name in PASSAGES}
    chosen = None
    if cases is not None:
        chosen = {name: clean_field(words) for name, words in cases.items() if _is_event(name)}
        chosen = dict(list(chosen.items())[:MOST_CASES])
    sections = {*PASSAGES, *(() if chosen is None else chosen)}
    stay = sorted({(section, blanked(number)[:40]) for section, number in kept if section in sections})
    return BulletinText(known, chosen, tuple(stay))


def clean_field(text: str) -> str:
    r"""Return a field's text as it is kept.

    >>> clean_field("一\r\n二 \u202e\n\n")
    '一\n二'
    """
    lines = [blanked(line).rstrip() for line in text.replace("\r\n", "\n").replace("\xa0", " ").split("\n")]
    return "\n".join(lines).strip("\n")[:MOST_CHARACTERS]


def _is_event(name: str) -> bool:
    try:
        split_id(name)
    except ValueError:
        return False
    return True


def _joined(lines: Sequence[TextLine]) -> str:
    return "\n".join(line.text for line in lines)


def _lines(text: str) -> tuple[TextLine, ...]:
    if not text.strip():
        return ()
    kept = (f" {line}" if _READ_OTHERWISE.match(line) else line for line in text.split("\n"))
    return tuple(TextLine(number, line) for number, line in enumerate(kept, 1))
