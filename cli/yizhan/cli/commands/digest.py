"""``yizhan digest close|list|show``: quarters closed at the station, read at a county."""

from __future__ import annotations

import click

from yizhan.cli.click_options import QUARTER, Group, OneOf, county_option, json_option, option, partner_option
from yizhan.cli.commands.digest_close import close
from yizhan.cli.context import acting, current_home
from yizhan.cli.digest_view import manifest_kind, quarter_json, quarter_markdown
from yizhan.cli.output import print_json, print_table
from yizhan.consumers.labels import sentence
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.services.digests import list_digests, show_quarter

command = Group("digest", help=marked("季度通报：驿站结算，各县阅读"))
command.add_command(close)


@command.command("list", help=marked("列出本县收到的季度通报，以及与驿站清单核对的结果"))
@county_option()
@json_option()
def list_(county: str, as_json: bool) -> None:
    """List digests."""
    home = current_home()
    found = list_digests(home, county)
    if as_json:
        print_json({"county": county, "digests": found})
        return
    print_table(
        [_("季度"), _("种类"), _("结算时间"), _("件数（含回执）"), _("本机有"), _("核对"), _("注意")],
        [
            (
                each.label,
                manifest_kind(each.manifest),
                home.local_time(each.manifest.closed),
                each.manifest.count,
                each.held,
                sentence(each.verdict),
                join_sentences(sentence(warning) for warning in each.warnings),
            )
            for each in found
        ],
        _("还没有收到季度通报"),
    )


@command.command(
    "show",
    help=marked(
        "显示一个季度与伙伴县之间的通报，双向都有，即时送达的也列入。\n\n"
        "对方发来的取自收件箱，与驿站清单核对过；本县发出的取自发件箱。"
    ),
)
@click.argument("label", metavar="LABEL", type=QUARTER)
@county_option()
@partner_option()
@option("--format", "form", type=OneOf(["md", "json"]), default="md", help=marked("md 或 json（默认 md）"))
@option("--json", "as_json", is_flag=True, help=marked("同 --format json"))
def show(label: str, county: str, partner: str | None, form: str, as_json: bool) -> None:
    """Show the events of a quarter."""
    home = current_home()
    shown = show_quarter(home, label, county, partner, acting("digest show"), utc_now())
    if as_json or form == "json":
        print_json(quarter_json(shown))
    else:
        click.echo(quarter_markdown(home, shown), nl=False)
