"""``yizhan countersign ID``: the other side's patrol plan, shown whole, signed by our officers and sent back."""

from __future__ import annotations

from pathlib import Path

import click

from yizhan.cli.accepted_view import show_accepted
from yizhan.cli.asking import require_yes
from yizhan.cli.click_options import FILE, Command, county_option, json_option, office_option, option
from yizhan.cli.context import acting, current_home
from yizhan.cli.language import interactive
from yizhan.cli.output import print_table
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, marked
from yizhan.services.item_text import item_details
from yizhan.services.matters import countersign, prepare_countersignature
from yizhan.services.office import read_office


@click.command(
    "countersign",
    cls=Command,
    help=marked(
        "会签对方的联合巡护计划：显示全文，问过之后，以本县民警的名义原样签回。\n\n"
        "签名的人取自 --office（同 yizhan import），没有给出时取本县上次在表单里签名的人。"
        "不是计划的、本县自己提的、已经会签的、对方已更正或撤回的，不予会签。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option()
@office_option(marked("机构、拟稿审核签发人、联系人"), FILE)
@option("--yes", is_flag=True, help=marked("不再询问，直接会签"))
@passphrase_option()
@json_option()
def command(
    event_id: str, county: str, office: Path | None, *, yes: bool, passphrases: TerminalPassphrase, as_json: bool
) -> None:
    """Countersign a plan."""
    home = current_home()
    signers = None if office is None else read_office(office)
    signature = prepare_countersignature(home, county, event_id, signers, acting("countersign"))
    if not as_json:
        print_table([_("项目"), _("内容")], list(item_details(home, signature.plan)), "")
    if not yes and interactive():
        require_yes(_("会签这份计划吗？"))
    sent = countersign(home, county, signature, passphrases)
    show_accepted(home, sent, as_json=as_json)
