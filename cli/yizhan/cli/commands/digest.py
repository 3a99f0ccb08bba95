"""``yizhan digest close|list|show``: quarters closed at the station, read at a county."""

from __future__ import annotations

import click

from yizhan.cli.click_options import Group, OneOf, county_option, json_option, option, partner_option
from yizhan.cli.commands.digest_close import close
from yizhan.cli.context import acting, current_home
from yizhan.cli.digest_view import check_label, digest_kind
from yizhan.cli.output import print_json, print_table
from yizhan.consumers.bulletin import as_json as bulletin_as_json
from yizhan.consumers.bulletin import markdown
from yizhan.consumers.labels import sentence
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.services.access_log import record
from yizhan.services.bulletins import bulletin, partner_of
from yizhan.services.stores import read_inbox

command = Group("digest", help=marked("季度通报：驿站结算，各县阅读"))
command.add_command(close)


@command.command("list", help=marked("列出本县收到的季度通报，以及与驿站清单核对的结果"))
@county_option()
@json_option()
def list_(county: str, as_json: bool) -> None:
    """List digests."""
    home = current_home()
    with read_inbox(home, county) as inbox:
        found = () if inbox is None else inbox.digests()
    if as_json:
        print_json({"county": county, "digests": found})
        return
    print_table(
        [_("季度"), _("种类"), _("结算时间"), _("件数（含回执）"), _("本机有"), _("核对"), _("注意")],
        [
            (
                each.label,
                digest_kind(each.manifest),
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
@click.argument("label", metavar="LABEL")
@county_option()
@partner_option()
@option("--format", "form", type=OneOf(["md", "json"]), default="md", help=marked("md 或 json（默认 md）"))
@option("--json", "as_json", is_flag=True, help=marked("同 --format json"))
def show(label: str, county: str, partner: str | None, form: str, as_json: bool) -> None:
    """Show a bulletin."""
    home = current_home()
    check_label(label)
    home.member(county)
    sheet = bulletin(home, label, county, partner_of(home, county, partner), utc_now())
    record(home, county, acting("digest show"), "printed", [f"{label} {sheet.partner}"])
    if as_json or form == "json":
        print_json(bulletin_as_json(sheet))
    else:
        click.echo(markdown(sheet), nl=False)
