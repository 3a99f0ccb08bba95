"""``yizhan bell init|status|test|log``: how a county's people are reached, and what came of it."""

from __future__ import annotations

import click

from yizhan.cli.bell_view import print_rings, print_status, ring_json, status_json
from yizhan.cli.click_options import Group, OneOf, county_option, json_option, limit_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, print_table, say, tell
from yizhan.cli.receiving_view import say_if_not_receiving
from yizhan.consumers.bell.labels import outcome_name
from yizhan.schemas.i18n import _, marked
from yizhan.services.bell import bell_status, list_rings, send_test_messages, write_sample

command = Group("bell", help=marked("本县的铃：怎样通知到人，通没通到"))


@command.command("init", help=marked("写一份 bell.toml 样例，有注释，只许属主读写；已有的不覆盖"))
@county_option()
def init(county: str) -> None:
    """Write a sample."""
    tell(str(write_sample(current_home(), county)))
    say(_("样例只写系统日志，不会叫醒任何人：请改好通道，再运行 yizhan bell test --county {code}").format(code=county))


@command.command("status", help=marked("各级是谁、用哪些通道；各通道通不通、许带多少；还有多少没有送到"))
@county_option()
@json_option()
def status(county: str, as_json: bool) -> None:
    """Show rungs, channels and problems."""
    home = current_home()
    say_if_not_receiving(home, county)
    found = bell_status(home, county)
    if as_json:
        print_json(status_json(county, found))
    else:
        print_status(home, found)


@command.command(
    "test", help=marked("试响：经各通道各发一条【测试】，不带任何内容。不通的说明原因，退出码为 1。建议每月一次")
)
@county_option()
@option(
    "--rung",
    type=OneOf(["duty", "second", "liaison", "leader"]),
    help=marked("只试这一级的通道"),
)
@option("--channel", metavar="NAME", help=marked("只试这个通道"))
@json_option()
@click.pass_context
def test(ctx: click.Context, county: str, rung: str | None, channel: str | None, as_json: bool) -> None:
    """Send a test message on channels."""
    results = send_test_messages(current_home(), county, rung, channel)
    if as_json:
        print_json({"county": county, "results": {each.name: each.outcome for each in results}})
    else:
        rows = [(each.name, each.kind, outcome_name(each.outcome)) for each in results]
        print_table([_("响铃通道"), _("经由"), _("结果")], rows, _("没有通道"))
    if not all(each.delivered for each in results):
        ctx.exit(1)


@command.command("log", help=marked("响过的铃，最新的在最后：为什么响、给哪一级、经哪个通道、结果"))
@county_option()
@limit_option()
@json_option()
def log(county: str, limit: int | None, as_json: bool) -> None:
    """List rings."""
    home = current_home()
    found = list_rings(home, county, limit)
    if as_json:
        print_json({"county": county, "rings": [ring_json(ring, tries) for ring, tries in found]})
    else:
        print_rings(home, found)
