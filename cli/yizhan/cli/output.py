"""What people and programs read: tables, sentences, JSON.

Rule 1: what a stranger wrote never steers the terminal: control characters are shown, not sent.
Rule 2: programs get UTC and every field; people get the alliance's time and names.
Rule 3: results go to stdout; everything else goes to stderr.
Rule 4: an id is never broken over two lines: whoever reads it copies it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import zip_longest
from pathlib import PurePath
from typing import IO, Any, Final

import click
from pydantic import BaseModel

from yizhan.runtime.terminal_text import columns as width
from yizhan.runtime.terminal_text import fold, wrap
from yizhan.schemas.i18n import Sentence
from yizhan.schemas.invisible import escaped, escaped_json
from yizhan.schemas.timestamps import written

_WIDE_ENOUGH: Final = 200
_LEAST: Final = 16
"""Screen columns below which folded text is not readable: eight Chinese characters."""


def as_json(value: Any) -> Any:  # noqa: ANN401 -- anything that lists or shows
    """Turn dataclasses, times, paths, bytes and mappings into what JSON has; bytes become hex, times UTC."""
    if isinstance(value, Enum | Sentence):
        return value.value if isinstance(value, Enum) else str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(inner) for inner in value]
    if isinstance(value, datetime):
        return written(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, PurePath) else value


def fields_of(value: object, names: str) -> dict[str, Any]:
    """Return some fields of an object for programs; ``names`` are separated by spaces."""
    return {name: as_json(getattr(value, name)) for name in names.split()}


def print_json(value: Any) -> None:  # noqa: ANN401 -- as above
    """Print one JSON document."""
    click.echo(escaped_json(json.dumps(as_json(value), ensure_ascii=False, indent=2)))


def print_line(value: Any) -> None:  # noqa: ANN401 -- as above
    """Print one line of NDJSON, at once."""
    sys.stdout.write(escaped_json(json.dumps(as_json(value), ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def say(sentence: str) -> None:
    """Print a sentence for the person at the terminal, on stderr."""
    click.echo(escaped(sentence, keep_lines=True), err=True)


def tell(sentence: str) -> None:
    """Print a sentence of the result, on stdout."""
    click.echo(escaped(sentence, keep_lines=True))


def screen_columns(stream: IO[str]) -> int:
    """Return the width to write for: as ``COLUMNS`` says, else as the terminal is; where none is, lines are long."""
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    return shutil.get_terminal_size().columns if stream.isatty() else _WIDE_ENOUGH


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str, *, whole: Collection[int] = (0,)
) -> None:
    """Print a table, or ``empty`` where there is nothing; values are shown plain.

    The columns numbered in ``whole`` (from 0) are never broken. Where a table would be too narrow to read,
    each row becomes a line of these and a paragraph of the rest.
    """
    cells = [[escaped("" if value is None else str(value), keep_lines=True) for value in row] for row in rows]
    if not cells:
        click.echo(empty)
        return
    wide, number = screen_columns(sys.stdout), len(columns)
    longest = [max(width(line) for row in [columns, *cells] for line in row[n].split("\n")) for n in range(number)]
    if sum(most if n in whole else min(most, _LEAST) for n, most in enumerate(longest)) + 2 * number <= wide:
        widths = _narrowed(longest, wide, whole)
        head = [click.style(line, bold=True) for line in _lines(columns, widths)]
        click.echo("\n".join([*head, "─" * min(sum(widths) + 2 * (number - 1), wide)]))
        click.echo("\n".join(line for row in cells for line in _lines(row, widths)))
        return
    for row in cells:
        click.echo("  ".join(row[n] for n in sorted(whole)))
        text = "  ".join(f"{columns[n]}: {row[n]}" for n in range(number) if n not in whole and row[n])
        click.echo("\n".join(f"  {line}" for line in wrap(text, max(wide - 2, _LEAST))))


def _narrowed(longest: Sequence[int], wide: int, whole: Collection[int]) -> list[int]:
    """Make the widest columns narrower until a table fits on the screen."""
    widths = list(longest)
    foldable = [n for n in range(len(widths)) if n not in whole]
    while foldable and sum(widths) + 2 * len(widths) > wide:
        widths[max(foldable, key=widths.__getitem__)] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of one row, its cells folded and padded."""
    folded = [fold(cell, wide) for cell, wide in zip(row, widths, strict=True)]
    for parts in zip_longest(*folded, fillvalue=""):
        yield "  ".join(part + " " * (wide - width(part)) for part, wide in zip(parts, widths, strict=True)).rstrip()


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names beside values, one a line, leaving out what is absent."""
    found = [(escaped(name), escaped(str(value), keep_lines=True)) for name, value in pairs if value is not None]
    first = max((width(name) for name, _value in found), default=0)
    for name, value in found:
        values = fold(value, max(screen_columns(sys.stdout) - first - 2, _LEAST))
        head = click.style(name, bold=True) + " " * (first - width(name) + 2)
        click.echo((head + f"\n{' ' * (first + 2)}".join(values)).rstrip())
