"""``yizhan done ID N``: tell everybody who was there that a decision of a consultation is carried out."""

from __future__ import annotations

import click

from yizhan.cli.accepted_view import show_accepted
from yizhan.cli.click_options import Whole, county_option, json_option, option, short_ids, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.officer_options import signed_by_officer
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.common import Person
from yizhan.services.obligations import complete_decision


@single_command(
    "done",
    help=marked(
        "告知对方：会商纪要 ID 的第 N 项议定事项，本县已经办结。\n\n"
        "发出一份签名的通知，答复那份纪要，写明第几项、由谁告知；双方的 yizhan due 从此不再列它。"
        "不是本县负责的、没有这一项的、已经办结的，不予发出。说错了就撤回那份通知。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@click.argument("number", metavar="N", type=Whole(1, 200))
@county_option()
@option("--note", metavar="TEXT", help=marked("给对方的一句话（默认“已办结”和事项）"))
@passphrase_option()
@json_option()
@signed_by_officer(required=False)
@short_ids(event_id="both")
def command(
    event_id: str,
    number: int,
    county: str,
    *,
    officer: Person | None,
    note: str | None,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Say that a decision is done."""
    home = current_home()
    sent = complete_decision(home, county, event_id, number, note, acting("done", officer), passphrases)
    show_accepted(home, sent, as_json=as_json)
