"""``yizhan inbox list|show|ack``: what arrived, and the officers' answers."""

from __future__ import annotations

from typing import Any, Final

import click

from yizhan.cli.accepted_view import say_if_nobody_sends
from yizhan.cli.click_options import (
    MEMBER,
    MOMENT,
    OneOf,
    county_option,
    json_option,
    limit_option,
    option,
    short_ids,
    single_command,
    type_option,
)
from yizhan.cli.context import acting, current_home, say_if_stale
from yizhan.cli.item_view import item_json, item_panel
from yizhan.cli.officer_options import signed_by_officer
from yizhan.cli.output import print_json, print_table, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.receiving_view import say_if_not_receiving
from yizhan.cli.screen import console
from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import STATES, State, sentence
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.payloads.letters import headline
from yizhan.schemas.policy import Way
from yizhan.services.home import Home
from yizhan.services.inbox import OfficerAnswer, answer_item, list_aside, list_items, show_item
from yizhan.services.item_text import item_facts, way_words
from yizhan.services.labels import STAGES, WAYS, stage_name

_HEADINGS: Final = (
    marked("编号"), marked("类型"), marked("急缓"), marked("发件"), marked("收到"), marked("方式"), marked("状态"),
    marked("简要情况"), marked("注意"),
)  # fmt: skip
_SHOWN: Final = 40
"""Characters of a summary that a list shows."""


@single_command("list", help=marked("列出收件，最新的在最后；回执和系统通知不列"))
@county_option()
@option("--state", type=OneOf(State, STATES), metavar="WORD", help=marked("只列这一状态的，如 待签收（ringing）"))
@option("--way", type=OneOf(Way, WAYS), help=marked("只列这样送达的"))
@type_option()
@option("--from", "sender", type=MEMBER, metavar="C", help=marked("只列这个县发来的"))
@option("--thread", metavar="ID", help=marked("只列这一件事的"))
@option("--since", type=MOMENT, metavar="TIME", help=marked("只列此时起收到的"))
@option("--text", metavar="WORDS", help=marked("只列内容里有这些字的"))
@option("--system", is_flag=True, help=marked("回执和系统通知也列出"))
@limit_option()
@json_option()
@short_ids(thread="both")
def list_(*, county: str, sender: str | None, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 -- as InboxQuery
    """List items."""
    home, query = current_home(), InboxQuery(county=sender, **wanted)
    found = list_items(home, county, query, acting("inbox list"))
    stale = say_if_stale(home.reader_of(county))
    say_if_not_receiving(home, county)
    if as_json:
        items = [item_json(item) for item in found.items]
        more = {"aside": list_aside(home, county), "gaps": found.gaps, "conflicts": found.conflicts}
        print_json({"county": county, "items": items, **more, "charter_stale": stale})
        return
    print_table(
        [_(each) for each in _HEADINGS],
        [_row(home, item) for item in found.items],
        _("没有符合条件的收件") if query != InboxQuery(limit=query.limit) else _("还没有收到过事件"),
    )
    conflicts, gaps = len(found.conflicts), sum(gap.kind != "waiting" for gap in found.gaps)
    if found.aside_count or conflicts:
        line = _("另存 {aside} 件核验不过的，{conflicts} 件编号相同内容不同的；详见 --json")
        say(line.format(aside=found.aside_count, conflicts=conflicts))
    if gaps:
        say(_("有 {count} 处顺序号断缺：可能有文书没有收到；详见 --json").format(count=gaps))


def _row(home: Home, item: Item) -> tuple[str, ...]:
    changed = _("，已撤回") if item.withdrawn_by else _("，已更正") if item.superseded_by else ""
    return (
        item.id,
        item.title,
        item_facts(item),
        home.member_name(item.source),
        home.local_time(item.received),
        way_words(home, item.way, item.rule),
        sentence(item.state) + changed,
        headline(None if item.contents is None else item.contents.raw, _SHOWN),
        join_sentences(sentence(warning) for warning in item.warnings),
    )


@single_command("show", help=marked("显示一件的全部内容"))
@click.argument("item_id", metavar="ID")
@county_option()
@json_option()
@short_ids(item_id="inbox")
def show(item_id: str, county: str, as_json: bool) -> None:
    """Show one item."""
    home = current_home()
    found = show_item(home, county, item_id, acting("inbox show"))
    say_if_not_receiving(home, county)
    if as_json:
        print_json(item_json(found.item) | {"replies": [each.header.id for each in found.replies]})
    else:
        console().print(item_panel(home, found.item, county, found))


@single_command("ack", help=marked("签收：停止响铃，并把签收人的姓名和警号告知发件县"))
@click.argument("item_id", metavar="ID")
@county_option()
@option(
    "--stage",
    type=OneOf(["acknowledged", "acted", "declined"], STAGES),
    default="acknowledged",
    help=marked("签收、已处置、不予处置（默认 acknowledged）"),
)
@option("--note", metavar="TEXT", help=marked("给发件县的一句话"))
@passphrase_option()
@json_option()
@signed_by_officer()
@short_ids(item_id="inbox")
def ack(
    *,
    item_id: str,
    county: str,
    officer: Person,
    stage: str,
    note: str | None,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Enter an officer's answer."""
    home = current_home()
    actor = acting("inbox ack", officer)
    answered = answer_item(home, county, item_id, OfficerAnswer(stage, note), actor, passphrases)
    if as_json:
        print_json(item_json(answered.item) | {"entered": answered.entered})
        if answered.entered:
            say_if_nobody_sends(home, county)
        return
    for each in answered.earlier:
        line, at = _("此前：{stage}，签收人 {name}（{badge}），{at}"), home.local_time(each.at)
        say(line.format(stage=stage_name(each.stage), name=each.name, badge=each.badge, at=at))
    line = (
        _("{id} {stage}，签收人 {name}（{badge}）")
        if answered.entered
        else _("{id} {stage}，签收人 {name}（{badge}）：这句话此前已记下，没有再记")
    )
    tell(line.format(id=answered.item.id, stage=stage_name(stage), name=officer.name, badge=officer.badge))
    if answered.entered:
        say_if_nobody_sends(home, county)
