"""``yizhan postings list``: what became of each event with each of its recipients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from yizhan.cli.click_options import (
    MOMENT,
    Group,
    OneOf,
    county_option,
    json_option,
    limit_option,
    option,
    short_ids,
    type_option,
)
from yizhan.cli.context import acting, current_home
from yizhan.cli.output import print_json, print_table, say
from yizhan.producers.queries import OutboxQuery, Posting, RecipientReceipt
from yizhan.schemas.i18n import _, marked
from yizhan.services.event_text import receipt_line
from yizhan.services.home import Home
from yizhan.services.labels import refusal, state_name, type_name, way_name
from yizhan.services.outbox import ForeignReply, list_postings

FILES: Final = ("fetched", "unfetched")
"""Stages that programs report of attached files; no officer's answer."""

command = Group("postings", help=marked("本县发出的事件后来怎样了"))


@command.command("list", help=marked("逐件、逐个收件县列出：驿站接收或拒收及原因、送达、打开、由谁签收"))
@county_option()
@option("--id", metavar="ID", help=marked("只列这一件"))
@option("--state", type=OneOf(["queued", "sent", "accepted", "refused"]), help=marked("只列这一状态的"))
@type_option()
@option("--since", type=MOMENT, metavar="TIME", help=marked("只列此时起收下的"))
@option("--system", is_flag=True, help=marked("回执和系统通知也列出"))
@limit_option()
@json_option()
@short_ids(id="outbox")
def list_(*, county: str, system: bool, limit: int | None, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 -- as OutboxQuery
    """List postings."""
    home, query = current_home(), OutboxQuery(**wanted)
    everything = bool(system or query.id or query.type)
    found = list_postings(home, county, query, limit or 0, acting("postings list"), system=everything)
    if as_json:
        foreign = [each.posting for each in found.foreign]
        print_json({"county": county, "postings": found.postings, "foreign": foreign})
        return
    print_table(
        [_("编号"), _("类型"), _("收件"), _("方式"), _("驿站"), _("送达、打开"), _("签收")],
        [
            (
                each.id,
                type_name(each.type),
                home.member_name(each.recipient),
                f"{way_name(each.stamped_way or each.way)} {each.stamped_rule or each.rule}",
                _station(each),
                _delivered(home, each),
                _answers(home, each),
            )
            for each in found.postings
        ],
        _("没有符合条件的事件") if query != OutboxQuery() else _("还没有发出过事件"),
    )
    for reply in found.foreign:
        if query == OutboxQuery() or reply.posting.id == query.id is not None:
            say(_foreign(home, reply))


def _foreign(home: Home, reply: ForeignReply) -> str:
    """Say what a reply that matches nothing means: our key was used only where the station let the event in."""
    at, why = home.local_time(reply.posting.read_at), reply.posting.why
    if reply.meaning == "not_signed":
        return _("{at} 读到一份不是驿站签名的答复（{why}）；请查明谁能写本县的答复主题").format(at=at, why=why)
    if reply.meaning == "our_key":
        sentence = _("{id} 不是本机发出的，却由本县的密钥签名（{why}，{at}）；请查明谁用了本县的密钥")
        return sentence.format(id=reply.posting.id, why=why, at=at)
    sentence = _("{at} 有一份不是本机发出的东西写到本县的主题，被驿站拒收：{reason}；请查明谁用了本县的证书")
    return sentence.format(at=at, reason=refusal(str(reply.reason), reply.detail))


def _station(each: Posting) -> str:
    if each.reason is None:
        return state_name(each.state)
    return f"{state_name(each.state)}: {refusal(each.reason, each.detail)}"


def _delivered(home: Home, each: Posting) -> str:
    lines = [_receipts(home, stage, each.said[stage]) for stage in FILES if stage in each.said]
    if each.delivered is not None:
        opened = _("{at} 已打开") if each.opened else _("{at} 打不开")
        lines.insert(0, opened.format(at=home.local_time(each.delivered)))
    return "\n".join(lines)


def _answers(home: Home, each: Posting) -> str:
    return "\n".join(_receipts(home, stage, found) for stage, found in each.said.items() if stage not in FILES)


def _receipts(home: Home, stage: str, receipts: Sequence[RecipientReceipt]) -> str:
    return "\n".join(receipt_line(home, stage, each) for each in receipts)
