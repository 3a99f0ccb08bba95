"""``yizhan new TYPE``: a form asked in the terminal, stored as a draft at every answer, shown whole, then sent."""

from __future__ import annotations

import click

from yizhan.cli.click_options import TYPE, Command, county_option, option, short_ids
from yizhan.cli.context import current_home
from yizhan.cli.form_prompt import fill_in
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import short_name, type_name
from yizhan.services.drafts import NewDraft, begin_draft


class _New(Command):
    """The command whose help page ends with the types that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """Write the short name of each type beside its title."""
        with formatter.section(_("类型（TYPE）")):
            formatter.write_dl([(short_name(each), type_name(each)) for each in TYPES if each != RECEIPT])


@click.command(
    "new",
    cls=_New,
    help=marked(
        "写一件新的：逐题问，逐题存，全文看过再发。\n\n"
        "TYPE 如 森林火灾、forest_fire、incident.forest_fire，各类列在下面。先问必填的，再列出可补充的。"
        "选择题可答编号或文字；< 回上一题，? 看说明，- 清除，回车用方括号里的。"
        "坐标可用度分秒，可写明从哪里读来（高德 119.51,27.17），没有写的会问；"
        "也可从界上或有名的点量起（119.51,27.17 界南285米）；都换算成 WGS84。续报从上次报告的内容开始。"
        "随时可停（Ctrl-C），草稿留着：yizhan draft edit N 接着写。"
    ),
)
@click.argument("type", type=TYPE, metavar="TYPE")
@county_option()
@option("--reply-to", metavar="ID", help=marked("答复收件箱里的这一件"))
@option("--updates", metavar="ID", help=marked("续报或终报：接着本县报出的这一件"))
@option("--supersedes", metavar="ID", help=marked("更正本县发出的这一件"))
@option("--withdraws", metavar="ID", help=marked("撤回本县发出的这一件"))
@option("--exercise", is_flag=True, help=marked("这是演练"))
@passphrase_option()
@short_ids(reply_to="both", updates="outbox", supersedes="outbox", withdraws="outbox")
def command(
    *,
    type: str,
    county: str,
    reply_to: str | None,
    updates: str | None,
    supersedes: str | None,
    withdraws: str | None,
    exercise: bool,
    passphrases: TerminalPassphrase,
) -> None:
    """Ask for one event."""
    home = current_home()
    n = begin_draft(home, county, NewDraft(type, exercise, reply_to, supersedes, withdraws, updates))
    fill_in(home, county, n, passphrases)
