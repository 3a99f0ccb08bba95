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
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Any, Final

import click
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from yizhan.cli.terminal_text import columns as width
from yizhan.cli.terminal_text import wrap
from yizhan.schemas.i18n import Sentence, _
from yizhan.schemas.invisible import escaped, escaped_json
from yizhan.schemas.timestamps import written
from yizhan.services.progress import SILENT, Progress

_WIDE_ENOUGH: Final = 200
_LEAST: Final = 16
"""Screen columns below which folded text is not readable: eight Chinese characters."""


def as_json(value: Any) -> Any:  # noqa: ANN401 -- anything that lists or shows
    """Turn dataclasses, times, bytes and mappings into what JSON has; bytes become hex, times UTC."""
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
    return value


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


def console(*, stderr: bool = False) -> Console:
    """Make a console: as wide as ``COLUMNS`` says, else as the terminal is; where none is, lines are long."""
    stream = sys.stderr if stderr else sys.stdout
    chosen = os.environ.get("COLUMNS", "")
    width = int(chosen) if chosen.isdecimal() and int(chosen) else None if stream.isatty() else _WIDE_ENOUGH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False, markup=False, emoji=False)


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
    elif _needed(columns, cells, whole) <= (screen := console()).width:
        _print_grid(screen, columns, cells, whole)
    else:
        for row in cells:
            click.echo("  ".join(row[number] for number in sorted(whole)))
            rest = [number for number in range(len(columns)) if number not in whole and row[number]]
            text = "  ".join(f"{columns[number]}: {row[number]}" for number in rest)
            click.echo("\n".join(f"  {line}" for line in wrap(text, max(screen.width - 2, _LEAST))))


def _needed(columns: Sequence[str], cells: list[list[str]], whole: Collection[int]) -> int:
    """Count the columns of a screen that a table needs to be read: ids in full, the rest folded."""
    longest = [
        max(width(line) for row in [columns, *cells] for line in row[n].split("\n")) for n in range(len(columns))
    ]
    return sum(most if n in whole else min(most, _LEAST) for n, most in enumerate(longest)) + 2 * len(columns)


def _print_grid(screen: Console, columns: Sequence[str], cells: list[list[str]], whole: Collection[int]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number in whole)
    for row in cells:
        table.add_row(*map(Text, row))
    screen.print(table)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names beside values, one a line, leaving out what is absent."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            table.add_row(Text(escaped(name), style="bold"), Text(escaped(str(value), keep_lines=True)))
    console().print(table)


@contextmanager
def progress(text: str, total: float | None = None) -> Iterator[Progress]:
    """Show a bar on stderr while the block works, if a terminal is there."""
    if not sys.stderr.isatty():
        yield SILENT
        return
    shown = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )
    with shown:
        task = shown.add_task(text, total=total)

        class _Shown:
            def advance(self, steps: float = 1) -> None:
                shown.advance(task, steps)

            def describe(self, text: str) -> None:
                shown.update(task, description=escaped(_(text)))

        yield _Shown()
