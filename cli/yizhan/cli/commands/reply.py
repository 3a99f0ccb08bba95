"""``yizhan reply ID "…"``: answer an alarm, or any event, in one sentence."""

from __future__ import annotations

from typing import Any

import click

from yizhan.cli.accepted_view import show_accepted
from yizhan.cli.click_options import Command, OneOf, county_option, json_option, option
from yizhan.cli.context import acting, current_home
from yizhan.cli.language import interactive
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import named_officer
from yizhan.services.home import Home
from yizhan.services.replies import Reply, last_drafter, send_reply


@click.command(
    "reply",
    cls=Command,
    help=marked(
        "答复一件：写一句话，对方立即看到，归在同一件事里。\n\n"
        "收到的和本县发出的都可以答复。这是来信，不是报告：对方不会当作又一起火情。"
        "紧急程度照所答复的那件，可用 --priority 另定；"
        "特急、加急的在对方屏幕上和铃上立即提示。签收另用 yizhan inbox ack。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@click.argument("text", metavar="TEXT")
@county_option()
@option("--name", metavar="NAME", help=marked("答复人姓名（终端上不写则询问）"))
@option("--badge", metavar="BADGE", help=marked("答复人警号（终端上不写则询问）"))
@option(
    "--priority", type=OneOf(["flash", "urgent", "routine"]), help=marked("特急、加急、平急（默认与所答复的那件相同）")
)
@passphrase_option()
@json_option()
def command(
    *,
    event_id: str,
    text: str,
    county: str,
    name: str | None,
    badge: str | None,
    priority: Any,  # noqa: ANN401 -- a word of OneOf
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Answer an event."""
    home = current_home()
    home.member(county)
    actor = acting("reply", _officer(home, county, name, badge))
    sent = send_reply(home, county, Reply(event_id, text, priority), actor, passphrases)
    show_accepted(home, sent, as_json=as_json)


def _officer(home: Home, county: str, name: str | None, badge: str | None) -> Person:
    """Return who answers: as given, else asked for on a terminal, with the last form's drafter proposed."""
    if (name is None or badge is None) and not interactive():
        raise click.UsageError(_("请用 --name 和 --badge 写明答复人的姓名和警号"), click.get_current_context())
    if name is None or badge is None:
        known = last_drafter(home, county) if name is None and badge is None else None
        name = name or click.prompt(_("答复人姓名"), default=known and known.name, err=True)
        badge = badge or click.prompt(_("答复人警号"), default=known and known.badge, err=True)
    return named_officer(name or "", badge or "")
