"""Asking whether to go on, alike in every command.

Rule 1: "no" is an answer like a refusal: nothing was done, a sentence says so, and the exit status is 1.
"""

from __future__ import annotations

import click

from yizhan.schemas.i18n import _


def ask(question: str) -> bool:
    """Ask a person yes or no; Enter is no."""
    return click.confirm(question, default=False, err=True)


def require_yes(question: str, declined: str | None = None) -> None:
    """Ask a person, and end the command where the answer is no; ``declined`` says what did not happen."""
    if not ask(question):
        raise click.ClickException(declined or _("没有发出"))
