"""``yizhan due``: what a county owes, what is overdue, what the others owe it."""

from __future__ import annotations

import click

from yizhan.cli.click_options import MEMBER, county_option, json_option, option, own_county, single_command
from yizhan.cli.context import acting, current_home, say_if_stale
from yizhan.cli.obligation_view import obligation_json, print_answers, print_obligations
from yizhan.cli.output import print_json, say
from yizhan.cli.receiving_view import say_if_not_receiving
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked
from yizhan.services.obligations import counties_with_inbox, list_obligations, officers_answers


@single_command(
    "due",
    help=marked(
        "待办：本县该办的、逾期的、别县欠本县的，各到何时，依据哪一条，怎样履行。\n\n"
        "以驿站签名的催办文书为准；履行以签名的文书为准。驿站看不到内容的议定事项，和驿站自己欠的季度清单，由本县自己盯。"
    ),
)
@click.argument("code", metavar="[COUNTY]", type=MEMBER, required=False)
@county_option(required=False, help=marked("县的代码或名称（默认本主目录的县）；写在末尾的 COUNTY 是旧写法"))
@option("--all", "everything", is_flag=True, help=marked("已履行、已撤销的也列出"))
@json_option()
@click.pass_context
def command(ctx: click.Context, code: str | None, county: str | None, everything: bool, as_json: bool) -> None:
    """List obligations."""
    home, now = current_home(), utc_now()
    chosen = county or code or own_county(ctx, counties_with_inbox(home))
    found = list_obligations(home, chosen, acting("due"), now, ended=everything)
    answers = officers_answers(home, chosen, (each.about for each in found if each.about), acting("due"))
    stale = say_if_stale(home.reader_of(chosen))
    say_if_not_receiving(home, chosen)
    if as_json:
        documents = [obligation_json(home, each, chosen, now) for each in found]
        said = {"county": chosen, "now": now, "obligations": documents, "answers": answers.by_event}
        said["answers_not_looked_up"] = answers.not_looked_up
        print_json(said | {"charter_stale": stale})
        return
    print_obligations(home, chosen, found, now)
    print_answers(home, answers.by_event)
    if answers.not_looked_up:
        say(_("还有 {count} 件没有查对方的答复；逐件查看请用 yizhan outbox show").format(count=answers.not_looked_up))
