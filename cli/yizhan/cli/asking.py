"""Whether a person is there to be asked, and asking whether to go on, alike in every command.

Rule 1: "no" is an answer like a refusal: nothing was done, a sentence says so, and the exit status is 1.
"""

from __future__ import annotations

import sys

import click

from yizhan.schemas.i18n import _


def interactive() -> bool:
    """Return whether a person sits at both ends of this process."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Ask a person yes or no; Enter is no."""
    return click.confirm(question, default=False, err=True)


def require_yes(question: str, declined: str | None = None) -> None:
    """Ask a person, and end the command where the answer is no; ``declined`` says what did not happen."""
    if not ask(question):
        raise click.ClickException(declined or _("没有发出"))
