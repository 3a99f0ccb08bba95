"""``yizhan due``: what a county owes, what is overdue, what the others owe it."""

from __future__ import annotations

import click

from yizhan.cli.click_options import MEMBER, Command, json_option, option
from yizhan.cli.context import acting, current_home, say_if_stale
from yizhan.cli.obligation_view import obligation_json, print_answers, print_obligations
from yizhan.cli.output import print_json
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked
from yizhan.services.home import Home
from yizhan.services.obligations import counties_with_inbox, list_obligations, officers_answers


@click.command(
    "due",
    cls=Command,
    help=marked(
        "待办：本县该办的、逾期的、别县欠本县的，各到何时，依据哪一条，怎样履行。\n\n"
        "以驿站签名的催办文书为准；履行以签名的文书为准。驿站看不到内容的议定事项，和驿站自己欠的季度清单，由本县自己盯。"
    ),
)
@click.argument("county", metavar="[COUNTY]", type=MEMBER, required=False)
@option("--all", "everything", is_flag=True, help=marked("已履行、已撤销的也列出"))
@json_option()
def command(county: str | None, everything: bool, as_json: bool) -> None:
    """List obligations."""
    home, now = current_home(), utc_now()
    county = county or _only_county(home)
    found = list_obligations(home, county, acting("due"), now, ended=everything)
    answers = officers_answers(home, county, (each.about for each in found if each.about), acting("due"))
    stale = say_if_stale(home, home.reader_of(county))
    if as_json:
        documents = [obligation_json(home, each, county, now) for each in found]
        said = {"county": county, "now": now, "obligations": documents, "answers": answers}
        print_json(said | {"charter_stale": stale})
        return
    print_obligations(home, county, found, now)
    print_answers(home, answers)


def _only_county(home: Home) -> str:
    """Return the county of this home, where it has one."""
    found = counties_with_inbox(home)
    if len(found) != 1:
        sentence = _("这个主目录里有 {count} 个县的收件箱；请写明是哪个县：yizhan due COUNTY")
        raise click.UsageError(sentence.format(count=len(found)), click.get_current_context())
    return found[0]
