"""``yizhan done ID N``: a decision of a consultation carried out, said to everybody who was there."""

from __future__ import annotations

import click

from yizhan.cli.click_options import Command, Whole, county_option, json_option, option, passphrase_option
from yizhan.schemas.i18n import _, marked


@click.command(
    "done",
    cls=Command,
    help=marked(
        "告知对方：会商纪要 ID 的第 N 项议定事项，本县已经办结。\n\n"
        "发出一份签名的通知，答复那份纪要，写明第几项；双方的 yizhan due 从此不再列它。"
        "不是本县负责的、没有这一项的、已经办结的，不予发出。说错了就撤回那份通知。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@click.argument("number", metavar="N", type=Whole(1, 200))
@county_option()
@option("--note", metavar="TEXT", help=marked("给对方的一句话（默认“已办结”和事项）"))
@passphrase_option()
@json_option()
def command(
    event_id: str, number: int, county: str, *, note: str | None, passphrase_fd: int | None, as_json: bool
) -> None:
    """Say that a decision is done."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.producers.drafts import parse_draft
    from yizhan.schemas.header import NOTICE
    from yizhan.services import stores
    from yizhan.services.errors import ServiceError
    from yizhan.services.outbox import accepted_json, accepted_lines
    from yizhan.services.own_obligations import consultation_decisions
    from yizhan.services.stores import open_outbox

    home = current_home()
    with (
        stores.read_inbox(home, county) as inbox,
        open_outbox(home, county, TerminalPassphrase(passphrase_fd)) as outbox,
    ):
        found = {
            each.due.number: each
            for each in consultation_decisions(county, inbox, outbox)
            if each.minutes.header.id == event_id
        }
        decision = found.get(number)
        if decision is None:
            sentence = marked("{id} 没有第 {n} 项议定事项（有 {count} 项）；请看 yizhan due {county}")
            raise ServiceError(sentence, id=event_id, n=number, count=len(found), county=county)
        if decision.due.who != county:
            sentence = marked("第 {n} 项“{what}”由 {who} 负责，不是本县的，没有发出")
            who = home.member_name(decision.due.who)
            raise ServiceError(sentence, n=number, what=decision.due.what, who=who)
        if decision.by is not None:
            raise ServiceError(marked("第 {n} 项已由 {by} 告知办结，没有再发"), n=number, by=decision.by)
        minutes = decision.minutes
        text = note or _("已办结：{what}").format(what=decision.due.what)
        sent = outbox.publish(
            parse_draft(
                {
                    "type": NOTICE,
                    "status": minutes.header.status,
                    "subject": minutes.thread,
                    "reply_to": {"id": event_id, "hash": minutes.hash},
                    "to": sorted({minutes.header.county, *minutes.header.to} - {county}),
                    "payload": {"kind": "text", "text": text, "decisions": [number]},
                }
            )
        )
    if as_json:
        print_json(accepted_json(sent))
    else:
        tell("\n".join(accepted_lines(home, sent)))
