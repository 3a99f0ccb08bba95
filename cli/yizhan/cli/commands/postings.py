"""``yizhan postings list``: what became of each event with each of its recipients."""

from __future__ import annotations

from typing import Any

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
from yizhan.producers.queries import OutboxQuery
from yizhan.schemas.i18n import _, marked
from yizhan.services.event_text import answer_words, delivered_words, foreign_reply_sentence, station_words
from yizhan.services.item_text import way_words
from yizhan.services.labels import type_name
from yizhan.services.outbox import list_postings

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
                way_words(home, each.stamped_way or each.way, each.stamped_rule or each.rule),
                station_words(each),
                delivered_words(home, each),
                answer_words(home, each),
            )
            for each in found.postings
        ],
        _("没有符合条件的事件") if query != OutboxQuery() else _("还没有发出过事件"),
    )
    for reply in found.foreign:
        if query == OutboxQuery() or reply.posting.id == query.id is not None:
            say(foreign_reply_sentence(home, reply))
