"""Who signs: ``--name`` and ``--badge`` of every command that sends an officer's word, asked for on a terminal."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from yizhan.cli.asking import interactive
from yizhan.cli.click_options import option
from yizhan.cli.context import current_home
from yizhan.cli.output import say
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import named_officer
from yizhan.services.replies import last_drafter

_Command = Callable[..., None]


def signed_by_officer(*, required: bool = True) -> Callable[[_Command], _Command]:
    """Declare ``--name`` and ``--badge``; the command gets ``officer``, and stands directly below.

    Where nobody is named and nobody can be asked, the words are wrong (exit 2); a command that sent its word without an
    officer before, and so is not ``required``, still does, gets None, and says so.
    """

    def declare(command: _Command) -> _Command:
        @functools.wraps(command)
        def run(*args: Any, county: str, name: str | None, badge: str | None, **given: Any) -> None:  # noqa: ANN401 -- click's own
            officer = None
            if required or name is not None or badge is not None or interactive():
                officer = signing_officer(county, name, badge)
            else:
                say(_("没有写明由哪位民警告知；请用 --name 和 --badge 写明"))
            command(*args, county=county, officer=officer, **given)

        return officer_options(run)

    return declare


def officer_options(command: _Command) -> _Command:
    """Declare ``--name`` and ``--badge`` for a command that calls ``signing_officer`` itself."""
    number = option("--badge", metavar="BADGE", help=marked("这位民警的警号（终端上不写则询问）"))
    named: _Command = option("--name", metavar="NAME", help=marked("签名民警的姓名（终端上不写则询问）"))(
        number(command)
    )
    return named


def signing_officer(county: str, name: str | None, badge: str | None) -> Person:
    """Return who signs: as given, else asked for, with the last form's drafter proposed."""
    home = current_home()
    home.member(county)
    if (name is None or badge is None) and not interactive():
        sentence = _("请用 --name 和 --badge 写明签名民警的姓名和警号")
        raise click.UsageError(sentence, click.get_current_context())
    if name is None or badge is None:
        known = last_drafter(home, county) if name is None and badge is None else None
        name = name or click.prompt(_("签名民警的姓名"), default=known and known.name, err=True)
        badge = badge or click.prompt(_("这位民警的警号"), default=known and known.badge, err=True)
    return named_officer(name or "", badge or "")
