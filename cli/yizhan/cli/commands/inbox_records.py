"""``yizhan inbox export|destroy``: the records of an inbox given to the auditor, and content whose term is over."""

from __future__ import annotations

import click

from yizhan.cli.click_options import county_option, json_option, option, single_command
from yizhan.cli.commands.outbox import write_book
from yizhan.cli.context import acting, current_home
from yizhan.cli.officer_options import officer_options, signing_officer
from yizhan.cli.output import print_json, print_table, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, marked
from yizhan.services.labels import type_name
from yizhan.services.retention import destroy_content, list_due


@single_command(
    "export",
    help=marked(
        "导出收件簿，交给审计：编号、指纹、签名存根、顺序号、时间；没有任何内容，姓名只有调阅记录里的。\n\n"
        "导出记入本县的调阅记录。FILE 为 - 时写到标准输出。"
    ),
)
@click.argument("file", metavar="FILE", default="-")
@county_option()
def export(file: str, county: str) -> None:
    """Export the book."""
    write_book(county, "inbox", file)


@single_command(
    "destroy",
    help=marked(
        "销毁保管期满的内容：正文、密文、封装的密钥都不再留；文头、指纹、发件县的签名、邮戳、签收记录照留。\n\n"
        "不加 --yes 只列出到期的。销毁记入调阅记录，并以签名的通知告知发件县；通知由 yizhan outbox run 送出，账本为证。"
    ),
)
@county_option()
@option("--id", "ids", multiple=True, metavar="ID", help=marked("只销毁这一件，可多次给出（默认：到期的全部）"))
@option("--yes", is_flag=True, help=marked("确实销毁"))
@passphrase_option()
@json_option()
@officer_options
def destroy(
    *,
    county: str,
    ids: tuple[str, ...],
    name: str | None,
    badge: str | None,
    yes: bool,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Destroy content."""
    home = current_home()
    if not yes:
        due = list_due(home, county, ids)
        if as_json:
            print_json({"county": county, "due": due, "destroyed": [], "notices": []})
            return
        rows = [(each.id, type_name(each.type), home.local_time(each.received), each.retention) for each in due]
        print_table([_("编号"), _("类型"), _("收到"), _("保管期限")], rows, _("没有到期的"))
        return
    actor = acting("inbox destroy", signing_officer(county, name, badge))
    done = destroy_content(home, county, ids, actor, passphrases)
    if as_json:
        print_json({"county": county, "due": [], "destroyed": done.destroyed, "notices": done.notices})
    else:
        line = _("已销毁 {count} 件的内容，通知 {notices} 份")
        tell(line.format(count=len(done.destroyed), notices=len(done.notices)))
