"""``yizhan new TYPE``: a form asked in the terminal, stored as a draft at every answer, shown whole, then sent."""

from __future__ import annotations

import click

from yizhan.cli.click_options import TYPE, Command, county_option, option
from yizhan.cli.context import current_home
from yizhan.cli.form_prompt import fill_in
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import marked
from yizhan.services.drafts import NewDraft, begin_draft
from yizhan.services.stores import open_drafts


@click.command(
    "new",
    cls=Command,
    help=marked(
        "写一件新的：逐题问，逐题存，全文看过再发。\n\n"
        "TYPE 如 森林火灾、forest_fire、incident.forest_fire。先问必填的，再列出可补充的。"
        "选择题可答编号或文字；< 回上一题，? 看说明，- 清除，回车用方括号里的。"
        "坐标可用度分秒，并问明坐标系（WGS84、高德、百度），换算成 WGS84。"
        "随时可停（Ctrl-C），草稿留着：yizhan draft edit N 接着写。"
    ),
)
@click.argument("type", type=TYPE, metavar="TYPE")
@county_option()
@option("--reply-to", metavar="ID", help=marked("答复收件箱里的这一件"))
@option("--supersedes", metavar="ID", help=marked("更正本县发出的这一件"))
@option("--withdraws", metavar="ID", help=marked("撤回本县发出的这一件"))
@option("--exercise", is_flag=True, help=marked("这是演练"))
@passphrase_option()
def command(
    *,
    type: str,
    county: str,
    reply_to: str | None,
    supersedes: str | None,
    withdraws: str | None,
    exercise: bool,
    passphrases: TerminalPassphrase,
) -> None:
    """Ask for one event."""
    home = current_home()
    with open_drafts(home, county) as store:
        n = begin_draft(home, county, store, NewDraft(type, exercise, reply_to, supersedes, withdraws))
        fill_in(home, county, store, n, passphrases)
