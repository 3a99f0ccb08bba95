"""The blocks of a sheet: headings, paragraphs, tables and drawings, for every renderer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; 1 is a section, 2 inside one."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph; ``loud`` is framed and bold."""

    text: str
    loud: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table in three rules (三线表): the first column is text, others are numbers unless ``words``."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    widths: Sequence[int] = ()
    small: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart or map, as SVG."""

    caption: str
    svg: str


Block = Heading | Para | Table | Drawing


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document for every renderer. ``foot`` is on every page."""

    title: str
    subtitle: str
    issue: str
    classification: str
    organ: str
    date: str
    blocks: tuple[Block, ...]
    foot: tuple[str, ...]
    language: str
