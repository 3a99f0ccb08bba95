"""``yizhan draft``: what was begun and not sent: listed, shown, completed, sent, dropped."""

from __future__ import annotations

from typing import Final

import click

from yizhan.cli.accepted_view import show_sent_draft
from yizhan.cli.asking import interactive, require_yes
from yizhan.cli.click_options import Group, Whole, attach_option, county_option, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.form_prompt import fill_in, show_draft
from yizhan.cli.output import print_json, print_table, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.services.attachments import total_bytes
from yizhan.services.doubts import doubt_sentences
from yizhan.services.drafts import (
    DraftUnfinished,
    check_draft,
    drop_draft,
    find_draft,
    judge_draft,
    list_drafts,
    member_names,
    missing_fields,
    send_draft,
)
from yizhan.services.form_text import draft_note, fault_sentence, missing_sentence, summary_of
from yizhan.services.labels import DRAFT_STATES, type_name

NUMBER: Final = Whole(1, 1_000_000_000)
command = Group("draft", help=marked("草稿：没有写完或没有发出的"))


@command.command("list", help=marked("列出本县的草稿"))
@county_option()
@json_option()
def list_(county: str, as_json: bool) -> None:
    """List drafts."""
    home = current_home()
    found = list_drafts(home, county)
    if as_json:
        print_json({"county": county, "drafts": found})
        return
    print_table(
        [_("草稿"), _("类型"), _("状态"), _("改动"), _("简要情况"), _("注意")],
        [
            (each.n, type_name(each.type), _(DRAFT_STATES[each.state]), home.local_time(each.changed),
             summary_of(each.content),
             draft_note(each) or missing_sentence(missing_fields(each.type, each.content.get("payload", {}))))
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
    home = current_home()
    found = find_draft(home, county, n)
    _draft, faults = check_draft(found.content)
    if as_json:
        problems = [{"field": each.question, "problem": fault_sentence(each)} for each in faults]
        print_json({"county": county, "draft": found, "problems": problems})
        return
    show_draft(n, found.type, found.content, member_names(home))
    if note := draft_note(found):
        say(note)
    for each in faults:
        say(fault_sentence(each))


@command.command("edit", help=marked("接着写一份草稿：问还没有问的，全文看过再发"))
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@passphrase_option()
def edit(n: int, county: str, passphrases: TerminalPassphrase) -> None:
    """Go on with a draft."""
    fill_in(current_home(), county, n, passphrases)


@command.command(
    "send",
    help=marked(
        "发出一份写完的草稿；先显示全文，再问。\n\n"
        "没有人可问时，在任何收件县都不会响铃的火情、灾害留下不发，退出码为 1。回答“否”也是。"
    ),
)
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@option("--yes", is_flag=True, help=marked("不再询问，直接发出"))
@attach_option(marked("随文书密封一个附件（照片、文档、轨迹，至多 200 MiB），可多次给出"))
@passphrase_option()
@json_option()
def send(
    n: int, county: str, *, yes: bool, attached: tuple[str, ...], passphrases: TerminalPassphrase, as_json: bool
) -> None:
    """Send a draft."""
    home = current_home()
    found = find_draft(home, county, n)
    draft, faults = check_draft(found.content)
    if draft is None:
        for each in faults:
            say(fault_sentence(each))
        raise DraftUnfinished(county, n, faults)
    if not as_json:
        show_draft(n, found.type, found.content, member_names(home))
    for sentence in doubt_sentences(home, judge_draft(home, county, draft)):
        say(sentence)
    if not yes and interactive():
        require_yes(_("发出吗？"))
        yes = True
    with progress(_("密封附件"), total_bytes(attached)) as bar:
        sent = send_draft(home, county, n, passphrases, attached, bar, confirmed=yes)
    show_sent_draft(home, sent, as_json=as_json)


@command.command("drop", help=marked("丢弃一份草稿；不能恢复"))
@click.argument("n", type=NUMBER, metavar="N")
@county_option()
@option("--yes", is_flag=True, help=marked("不再询问"))
def drop(n: int, county: str, yes: bool) -> None:
    """Drop a draft."""
    home = current_home()
    found = find_draft(home, county, n)
    say(f"{type_name(found.type)} {summary_of(found.content)}")
    if not yes and interactive():
        require_yes(_("丢弃这份草稿吗？"), _("没有丢弃"))
    drop_draft(home, county, n)
    tell(_("草稿 {n} 已丢弃").format(n=n))
