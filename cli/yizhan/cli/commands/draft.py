"""``yizhan draft``: what was begun and not sent: listed, shown, mended, sent, dropped."""

from __future__ import annotations

from typing import Final

import click

from yizhan.cli.click_options import Group, Whole, county_option, json_option, option, passphrase_option
from yizhan.cli.language import interactive
from yizhan.schemas.i18n import _, marked

NUMBER: Final = Whole(1, 1_000_000_000)
command = Group("draft", help=marked("草稿：没有写完或没有发出的"))


@command.command("list", help=marked("列出本县的草稿"))
@county_option()
@json_option()
def list_(county: str, as_json: bool) -> None:
    """List drafts."""
    from yizhan.cli.context import current_home
    from yizhan.cli.form_prompt import faults_of
    from yizhan.cli.output import print_json, print_table
    from yizhan.services.drafts import summary_of
    from yizhan.services.labels import type_name
    from yizhan.services.stores import open_drafts

    home = current_home()
    with open_drafts(home, county) as book:
        found = book.all()
    if as_json:
        print_json({"county": county, "drafts": found})
        return
    print_table(
        [_("草稿"), _("类型"), _("改动"), _("简要情况"), _("注意")],
        [
            (each.n, type_name(each.type), home.local_time(each.changed), summary_of(dict(each.content)),
             faults_of(each.type, each.content.get("payload", {})))
            for each in found
        ],
        _("没有草稿"),
    )  # fmt: skip


@command.command("show", help=marked("显示一份草稿的全文，以及还有什么不对"))
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@json_option()
def show(n: int, county: str, as_json: bool) -> None:
    """Show a draft."""
    from yizhan.cli.context import current_home
    from yizhan.cli.form_prompt import Asking
    from yizhan.cli.output import print_json, say
    from yizhan.services.drafts import checked, setting_of, show_draft
    from yizhan.services.stores import open_drafts

    home = current_home()
    with open_drafts(home, county) as book:
        found = book.get(n)
        asking = Asking(setting_of(home, county, book, found.type), book, n)
        _draft, faults = checked(asking)
        if as_json:
            problems = [{"field": name, "problem": said} for name, said in faults]
            print_json({"county": county, "draft": found, "problems": problems})
            return
        show_draft(asking)
    for _name, said in faults:
        say(said)


@command.command("edit", help=marked("接着写一份草稿：问还没有问的，全文看过再发"))
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@passphrase_option()
def edit(n: int, county: str, passphrase_fd: int | None) -> None:
    """Go on with a draft."""
    from yizhan.cli.context import current_home
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.drafts import go_on
    from yizhan.services.stores import open_drafts

    home = current_home()
    with open_drafts(home, county) as book:
        go_on(home, county, book, n, TerminalPassphrase(passphrase_fd))


@command.command("send", help=marked("发出一份写完的草稿；先显示全文，再问"))
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@option("--yes", is_flag=True, help=marked("不再询问，直接发出"))
@option(
    "--attach",
    "attached",
    multiple=True,
    metavar="FILE",
    help=marked("随文书密封一个附件（照片、文档、轨迹，至多 200 MiB），可多次给出"),
)
@passphrase_option()
@json_option()
def send(
    n: int, county: str, *, yes: bool, attached: tuple[str, ...], passphrase_fd: int | None, as_json: bool
) -> None:
    """Send a draft."""
    from yizhan.cli.accepted_view import accepted_json, accepted_lines
    from yizhan.cli.context import current_home
    from yizhan.cli.form_prompt import Asking
    from yizhan.cli.output import print_json, say, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.drafts import checked, doubts_of, send, setting_of, show_draft
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import open_drafts

    home = current_home()
    with open_drafts(home, county) as book:
        asking = Asking(setting_of(home, county, book, book.get(n).type), book, n)
        draft, faults = checked(asking)
        if draft is None:
            sentence = marked("草稿 {n} 还不能发；请用 yizhan draft edit {n} 补齐：\n{faults}")
            raise ServiceError(sentence, n=n, faults="\n".join(said for _name, said in faults))
        if not as_json:
            show_draft(asking)
        for said in doubts_of(home, asking):
            say(said)
        if not yes and interactive() and not click.confirm(_("发出吗？"), default=False, err=True):
            return
        sent = send(home, county, book, n, TerminalPassphrase(passphrase_fd), attached)
    if as_json:
        print_json(accepted_json(sent))
    else:
        tell("\n".join(accepted_lines(home, sent)))


@command.command("drop", help=marked("丢弃一份草稿；不能恢复"))
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@option("--yes", is_flag=True, help=marked("不再询问"))
def drop(n: int, county: str, yes: bool) -> None:
    """Drop a draft."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import say, tell
    from yizhan.services.drafts import summary_of
    from yizhan.services.labels import type_name
    from yizhan.services.stores import open_drafts

    home = current_home()
    with open_drafts(home, county) as book:
        found = book.get(n)
        say(f"{type_name(found.type)} {summary_of(dict(found.content))}")
        if not yes and interactive() and not click.confirm(_("丢弃这份草稿吗？"), default=False, err=True):
            return
        book.drop(n)
    tell(_("草稿 {n} 已丢弃").format(n=n))
