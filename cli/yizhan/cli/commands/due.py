"""``yizhan due``: what a county owes, what is overdue, what the others owe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from yizhan.cli.click_options import MEMBER, Command, json_option, option
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from datetime import datetime

    from yizhan.consumers.followups import Obligation
    from yizhan.services.home import Home


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
    from yizhan.cli.context import current_home, say_if_stale
    from yizhan.cli.output import print_json
    from yizhan.runtime.clock import utc_now
    from yizhan.services import obligations
    from yizhan.services.own_obligations import own_obligations
    from yizhan.services.stores import read_inbox
    from yizhan.services.stores import read_outbox as looking_into_outbox

    home, now = current_home(), utc_now()
    county = county or _only(home)
    with read_inbox(home, county) as inbox, looking_into_outbox(home, county) as outbox:
        said = () if inbox is None else inbox.obligations(everything=everything)
        own = [each for each in own_obligations(home, county, inbox, outbox, now) if everything or each.ended is None]
    found = tuple(sorted([*said, *own], key=lambda each: (each.due, each.id)))
    stale = say_if_stale(home, home.reader_of(county))
    if as_json:
        told = [obligations.as_json(home, each, county, now) for each in found]
        print_json({"county": county, "now": now, "obligations": told, "charter_stale": stale})
        return
    _print(home, county, found, now)


def _only(home: Home) -> str:
    """Return the county of this home, where it has one."""
    from yizhan.services.stores import INBOX_FILE

    found = [path.parent.name for path in sorted((home.path / "counties").glob(f"*/{INBOX_FILE}"))]
    if len(found) != 1:
        sentence = _("这个主目录里有 {count} 个县的收件箱；请写明是哪个县：yizhan due COUNTY")
        raise click.UsageError(sentence.format(count=len(found)), click.get_current_context())
    return found[0]


def _print(home: Home, county: str, found: tuple[Obligation, ...], now: datetime) -> None:
    from yizhan.cli.output import print_table, say, tell
    from yizhan.services import obligations
    from yizhan.services.own_obligations import STATION

    mine = [each for each in found if county in each.owes]
    theirs = [each for each in found if county not in each.owes]
    print_table(
        [_("事由"), _("该谁办"), _("待办"), _("期限"), _("情况"), _("依据")],
        [
            (
                obligations.subject(each.about, each.period) or each.id,
                _("本县")
                if county in each.owes
                else join_list(obligations.debtor_name(home, code) for code in each.owes),
                obligations.name(home, each),
                home.local_time(each.due),
                obligations.step_name(each.ended) if each.ended else obligations.left(each.due, now),
                obligations.clause(home, each),
            )
            for each in [*mine, *theirs]
        ],
        _("没有待办"),
        whole=(0, 3),
    )
    for each in mine:
        how = () if each.ended else obligations.manner(home, each, county)
        if any(how):
            tell(f"{each.about or each.period}  {' '.join(how)}".rstrip())
    for each in theirs:
        if each.ended is None and obligations.unanswered(each, county):
            say(obligations.call(home, each.owes))
    for each in theirs:
        if STATION in each.owes and each.overdue(now):
            sentence = _("驿站欠 {period} 的清单，从 {due} 起逾期；请催驿站结算：yizhan digest close")
            say(sentence.format(period=each.period, due=home.local_time(each.due)))
    late = sum(each.overdue(now) for each in mine)
    if late:
        say(_("其中 {count} 件本县已逾期").format(count=late))
