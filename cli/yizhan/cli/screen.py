"""The screen of a person: panels and progress bars, drawn by Rich.

Rule 1: what runs in the background does not import this module: Rich takes long to load.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from yizhan.cli.output import screen_columns
from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import escaped
from yizhan.services.progress import SILENT, Progress


def console(*, stderr: bool = False) -> Console:
    """Make a console, as wide as :func:`screen_columns` says."""
    stream = sys.stderr if stderr else sys.stdout
    width = screen_columns(stream)
    return Console(file=stream, width=width, highlight=False, soft_wrap=False, markup=False, emoji=False)


@contextmanager
def progress(text: str, total: float | None = None) -> Iterator[Progress]:
    """Show a bar on stderr while the block works, if a terminal is there; without work (``total`` 0) none.

    Where ``total`` is None nobody knows how much it is, and only what is being done and its time are shown.
    """
    if total == 0 or not sys.stderr.isatty():
        yield SILENT
        return
    shown = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *(() if total is None else (BarColumn(), MofNCompleteColumn())),
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
