"""``yizhan inbox run|list|show|ack``: what arrives at a county, and its officers' word on it."""

from __future__ import annotations

import contextlib
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from yizhan.cli.click_options import (
    MEMBER,
    MOMENT,
    Group,
    OneOf,
    county_option,
    json_option,
    limit_option,
    option,
    passphrase_option,
    type_option,
)
from yizhan.schemas.i18n import _, join_list, join_sentences, marked
from yizhan.schemas.payloads.common import Person

if TYPE_CHECKING:
    from yizhan.consumers.arrivals import ReceiveOutcome
    from yizhan.consumers.inbox import Inbox
    from yizhan.consumers.items import Item
    from yizhan.runtime.process import StopSignal
    from yizhan.services.home import Home

_SHOWN: Final = 40
RING_AGAIN_SECONDS: Final = 30.0
"""How long an alarm that nobody acknowledged is silent before it rings again."""

command = Group("inbox", help=marked("本县收件箱：接收、查看、签收"))


@command.command(
    "run",
    help=marked(
        "接收、核验、拆开、入库，直到叫停；报警时响铃并显示。\n\n"
        "无人签收的报警每半分钟再响一次；有 bell.toml 时还按它通知到人（yizhan bell）。\n\n"
        "送达回执由此发出，由 yizhan outbox run 送走。加 --json 时每件一行 NDJSON。"
    ),
)
@county_option()
@option("--quiet", is_flag=True, help=marked("不在屏幕上显示和响铃；bell.toml 的铃照响"))
@passphrase_option()
@json_option()
def run(county: str, quiet: bool, passphrase_fd: int | None, as_json: bool) -> None:
    """Run the reader."""
    from yizhan.cli.context import current_home, debugging, log_to_stderr
    from yizhan.cli.longrun import working
    from yizhan.cli.output import say
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.consumers.reader import run as receive
    from yizhan.services import bell as bells
    from yizhan.services.receiving import open_receiver

    home = current_home()
    settings = home.settings
    bell = bells.prepared(home, county)
    for sentence in () if bell is None else bells.lacking(bells.ladder(home, county, bell.settings)):
        say(sentence)

    def arrived(outcome: ReceiveOutcome) -> None:
        if not quiet:
            _tell(home, county, outcome, as_json=as_json)

    def begin() -> None:
        for item in () if quiet or as_json else inbox.ringing():
            _ring(home, item, county)
        if not quiet:
            threading.Thread(target=_keep_ringing, args=(inbox, stop, as_json), name="screen", daemon=True).start()
        if bell is not None:
            ringing.enter_context(bells.ringer(home, inbox, bell, quiet=quiet, as_json=as_json))

    with (
        open_receiver(home, county, TerminalPassphrase(passphrase_fd), home.reader_of(county, online=True)) as inbox,
        working(settings, settings.inbox_metrics_port, elsewhere="yizhan_outbox_") as (stop, watchdog),
        contextlib.ExitStack() as ringing,
    ):
        log_to_stderr(debug=debugging())
        receive(inbox, settings, stop, watchdog=watchdog, tell=arrived, begin=begin)


def _keep_ringing(inbox: Inbox, stop: StopSignal, as_json: bool) -> None:
    """Ring again for what nobody acknowledged: an alarm whose first ring was lost with a process too."""
    from yizhan.cli.output import print_line, say

    while not stop.wait(RING_AGAIN_SECONDS):
        count, ids = inbox.still_ringing()
        if as_json and count:
            nothing = dict.fromkeys(("reason", "item", "followup"))
            print_line({"became": "ringing", "rings": False, **nothing, "count": count, "ids": ids})
        elif count:
            click.echo("\a", nl=False, err=True)
            say(_("仍有 {count} 件报警无人签收，最新的是 {id}").format(count=count, id=ids[0]))


def _tell(home: Home, county: str, outcome: ReceiveOutcome, *, as_json: bool) -> None:
    """Tell what became of one record: a panel and a bell for an alarm, a line for the rest."""
    from yizhan.cli.context import acting
    from yizhan.cli.output import print_line, say
    from yizhan.consumers.checks import NEVER_RECEIPTED
    from yizhan.services.access_log import record_if_possible
    from yizhan.services.labels import reason_name
    from yizhan.services.obligations import tell_step

    item = outcome.item
    if as_json:
        if item is not None:
            record_if_possible(home, county, acting("inbox run"), "listed", [item.id])
        told = {"became": outcome.became, "rings": outcome.rings, "reason": outcome.reason}
        print_line(told | {"item": None if item is None else item.as_json(), "followup": outcome.followup})
    elif outcome.rings and item is not None:
        _ring(home, item, county)
    elif outcome.became == "stored" and item is not None and item.type not in NEVER_RECEIPTED:
        sentence = _("{at} {title} {id}，{sender} 发来")
        say(
            sentence.format(
                at=home.local_time(item.received), title=item.title, id=item.id, sender=home.member_name(item.source)
            )
        )
    elif outcome.became == "manifest":
        say(_("季度通报 {label} 已到").format(label=outcome.reason))
    elif outcome.became == "followup" and outcome.followup is not None:
        tell_step(home, county, outcome.followup)
    elif outcome.became == "aside":
        say(_("一件核验不过，已另存：{reason}").format(reason=reason_name(str(outcome.reason))))
    elif outcome.became == "conflict" and item is not None:
        say(_("{id} 有另一份内容不同的文书，已留作证据").format(id=item.id))


def _ring(home: Home, item: Item, county: str) -> None:
    from yizhan.cli.context import acting
    from yizhan.cli.output import console
    from yizhan.services.access_log import record_if_possible
    from yizhan.services.inbox import panel

    record_if_possible(home, county, acting("inbox run"), "opened", [item.id])
    screen = console()
    if screen.is_terminal:
        screen.bell()
    screen.print(panel(home, item, county))


@command.command("list", help=marked("列出收件，最新的在最后；回执和系统通知不列"))
@county_option()
@option("--state", metavar="WORD", help=marked("只列这一状态的，如 ringing"))
@option("--way", type=OneOf(["alarm", "notice", "digest"]), help=marked("只列这样送达的"))
@type_option()
@option("--from", "sender", type=MEMBER, metavar="C", help=marked("只列这个县发来的"))
@option("--thread", metavar="ID", help=marked("只列这一件事的"))
@option("--since", type=MOMENT, metavar="TIME", help=marked("只列此时起收到的"))
@option("--text", metavar="WORDS", help=marked("只列内容里有这些字的"))
@option("--system", is_flag=True, help=marked("回执和系统通知也列出"))
@limit_option()
@json_option()
def list_(
    *,
    county: str,
    state: str | None,
    way: str | None,
    type: str | None,
    sender: str | None,
    thread: str | None,
    since: datetime | None,
    text: str | None,
    system: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List items."""
    from yizhan.cli.context import acting, current_home, say_if_stale
    from yizhan.cli.output import print_json, print_table
    from yizhan.consumers.items import InboxQuery
    from yizhan.consumers.labels import State, sentence
    from yizhan.schemas.policy import Way
    from yizhan.services.access_log import record
    from yizhan.services.labels import way_name
    from yizhan.services.stores import read_inbox

    home = current_home()
    if state is not None and state not in list(State):
        choices = join_list(State)
        raise click.UsageError(
            _("--state 应为 {choices} 之一，得到 {value}").format(choices=choices, value=state),
            click.get_current_context(),
        )
    query = InboxQuery(
        way=None if way is None else Way(way),
        state=None if state is None else State(state),
        type=type,
        county=sender,
        thread=thread,
        since=since,
        text=text,
        system=system,
        limit=limit or None,
    )
    with read_inbox(home, county) as inbox:
        found = () if inbox is None else inbox.items(query)
        aside = () if inbox is None or not as_json else inbox.aside()
        kept_aside = 0 if inbox is None else inbox.aside_count()
        gaps = () if inbox is None else inbox.gaps()
        conflicts = () if inbox is None else inbox.conflicts()
    stale = say_if_stale(home, home.reader_of(county))
    if found:
        record(home, county, acting("inbox list"), "listed", [item.id for item in found])
    if as_json:
        items = [item.as_json() for item in found]
        more = {"aside": aside, "gaps": gaps, "conflicts": conflicts, "charter_stale": stale}
        print_json({"county": county, "items": items, **more})
        return
    print_table(
        [_("编号"), _("类型"), _("发件"), _("收到"), _("方式"), _("状态"), _("简要情况"), _("注意")],
        [
            (
                item.id,
                item.title,
                home.member_name(item.source),
                home.local_time(item.received),
                f"{way_name(item.way)} {item.rule}",
                sentence(item.state) + _changed(item),
                _summary(item),
                join_sentences(sentence(warning) for warning in item.warnings),
            )
            for item in found
        ],
        _("没有符合条件的收件") if query != InboxQuery(limit=query.limit) else _("还没有收到过事件"),
    )
    _beside(kept_aside, len(conflicts), sum(gap.kind != "waiting" for gap in gaps))


def _summary(item: Item) -> str:
    """Return the beginning of what its sender wrote."""
    said = None if item.contents is None else item.contents.raw.get("summary")
    text = said if isinstance(said, str) else ""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _changed(item: Item) -> str:
    if item.withdrawn_by:
        return _("，已撤回")
    return _("，已更正") if item.superseded_by else ""


def _beside(aside: int, conflicts: int, gaps: int) -> None:
    from yizhan.cli.output import say

    if aside or conflicts:
        sentence = _("另存 {aside} 件核验不过的，{conflicts} 件编号相同内容不同的；详见 --json")
        say(sentence.format(aside=aside, conflicts=conflicts))
    if gaps:
        say(_("有 {count} 处顺序号断缺：可能有文书没有收到；详见 --json").format(count=gaps))


@command.command("show", help=marked("显示一件的全部内容"))
@click.argument("item_id", metavar="ID")
@county_option()
@json_option()
def show(item_id: str, county: str, as_json: bool) -> None:
    """Show one item."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import console, print_json
    from yizhan.services.access_log import record
    from yizhan.services.errors import ServiceError
    from yizhan.services.inbox import panel
    from yizhan.services.stores import read_inbox

    home = current_home()
    with read_inbox(home, county) as inbox:
        item = None if inbox is None else inbox.item(item_id)
    if item is None:
        sentence = marked("{county} 的收件箱里没有 {id}；请看 yizhan inbox list --county {code}")
        raise ServiceError(sentence, county=home.member_name(county), id=item_id, code=county)
    record(home, county, acting("inbox show"), "opened", [item.id])
    if as_json:
        print_json(item.as_json())
    else:
        console().print(panel(home, item, county))


@command.command("ack", help=marked("签收：停止响铃，并把签收人的姓名和警号告知发件县"))
@click.argument("item_id", metavar="ID")
@county_option()
@option("--name", required=True, metavar="NAME", help=marked("签收人姓名"))
@option("--badge", required=True, metavar="BADGE", help=marked("签收人警号"))
@option(
    "--stage",
    type=OneOf(["acknowledged", "acted", "declined"]),
    default="acknowledged",
    help=marked("签收、已处置、不予处置（默认 acknowledged）"),
)
@option("--note", metavar="TEXT", help=marked("给发件县的一句话"))
@passphrase_option()
@json_option()
def ack(
    *,
    item_id: str,
    county: str,
    name: str,
    badge: str,
    stage: str,
    note: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Enter an officer's word."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import print_json, say, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.access_log import record
    from yizhan.services.labels import stage_name
    from yizhan.services.stores import open_inbox

    home = current_home()
    with open_inbox(home, county, TerminalPassphrase(passphrase_fd)) as inbox:
        before = inbox.item(item_id)
        item = inbox.acknowledge(item_id, name, badge, stage, note)
    earlier = () if before is None else before.answers
    if as_json:
        record(home, county, acting("inbox ack", Person(name=name, badge=badge)), "opened", [item.id])
        print_json(item.as_json() | {"entered": len(item.answers) > len(earlier)})
        return
    for each in earlier:
        sentence = _("此前：{stage}，签收人 {name}（{badge}），{at}")
        at = home.local_time(each.at)
        say(sentence.format(stage=stage_name(each.stage), name=each.name, badge=each.badge, at=at))
    said = _("{id} {stage}，签收人 {name}（{badge}）")
    same = _("{id} {stage}，签收人 {name}（{badge}）：这句话此前已记下，没有再记")
    sentence = said if len(item.answers) > len(earlier) else same
    tell(sentence.format(id=item.id, stage=stage_name(stage), name=name, badge=badge))


@command.command("files", help=marked("列出一件随文书密封的附件：名称、格式、大小、已取到多少"))
@click.argument("item_id", metavar="ID")
@county_option()
@json_option()
def files(item_id: str, county: str, as_json: bool) -> None:
    """List attached files."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import print_json, print_table, say
    from yizhan.services.access_log import record
    from yizhan.services.attachments import attached

    home = current_home()
    standings, problems = attached(home, county, item_id)
    record(home, county, acting("inbox files"), "listed", [item_id])
    if as_json:
        listed_ = [
            {name: getattr(each.attachment, name) for name in ("name", "media_type", "bytes", "sha256")}
            | {"chunks": each.chunks, "here": each.here, "complete": each.complete}
            for each in standings
        ]
        print_json({"county": county, "id": item_id, "files": listed_, "problems": problems})
        return
    print_table(
        [_("文件名"), _("格式"), _("字节数"), _("已取到")],
        [
            (
                each.attachment.name,
                str(each.attachment.media_type),
                str(each.attachment.bytes),
                f"{each.here}/{each.chunks}",
            )
            for each in standings
        ],
        _("这一件没有随文书密封的附件"),
    )
    for problem in problems:
        say(_("{name}：文书里写得不对，不取：{why}").format(name=problem.name, why=problem.sentence))


@command.command(
    "save",
    help=marked(
        "把取齐的附件存到目录里：核对指纹和格式，文件名清理过，只有本人可读写，不覆盖，不执行。\n\n"
        "不写 NAME 则全部存。记入本县的调阅记录。有存不下的退出码为 1。"
    ),
)
@click.argument("item_id", metavar="ID")
@click.argument("name", metavar="[NAME]", required=False)
@county_option()
@option("-o", "--out", "folder", required=True, metavar="DIR", help=marked("存到这个目录，须已存在"))
@json_option()
@click.pass_context
def save(ctx: click.Context, item_id: str, name: str | None, county: str, folder: str, as_json: bool) -> None:
    """Save attached files."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, say, tell
    from yizhan.services.attachments import save_files

    saved, refused = save_files(current_home(), county, item_id, name, folder)
    if as_json:
        print_json({"county": county, "id": item_id, "saved": saved, "refused": refused})
    else:
        for path in saved:
            tell(_("已存 {path}").format(path=path))
        for each in refused:
            say(each["error"])
    if refused:
        ctx.exit(1)


@command.command(
    "export",
    help=marked(
        "导出收件簿，交给审计：编号、指纹、签名存根、顺序号、时间；没有任何内容，也没有姓名。\n\n"
        "导出记入本县的调阅记录。FILE 为 - 时写到标准输出。"
    ),
)
@click.argument("file", metavar="FILE", default="-")
@county_option()
def export(file: str, county: str) -> None:
    """Export the book."""
    from yizhan.cli.context import current_home
    from yizhan.services.books import export_book

    export_book(current_home(), county, "inbox", file)


@command.command(
    "destroy",
    help=marked(
        "销毁保管期满的内容：正文、密文、封装的密钥都不再留；文头、指纹、发件县的签名、邮戳、签收记录照留。\n\n"
        "不加 --yes 只列出到期的。销毁记入调阅记录，并以签名的通知告知发件县；通知由 yizhan outbox run 送出，账本为证。"
    ),
)
@county_option()
@option("--id", "ids", multiple=True, metavar="ID", help=marked("只销毁这一件，可多次给出（默认：到期的全部）"))
@option("--name", metavar="NAME", help=marked("决定人姓名"))
@option("--badge", metavar="BADGE", help=marked("决定人警号"))
@option("--yes", is_flag=True, help=marked("确实销毁"))
@passphrase_option()
@json_option()
def destroy(
    *,
    county: str,
    ids: tuple[str, ...],
    name: str | None,
    badge: str | None,
    yes: bool,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Destroy content."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.labels import type_name
    from yizhan.services.retention import carry_out, due_items

    home = current_home()
    if yes and not (name and badge):
        raise click.UsageError(_("销毁要写明是谁决定的：--name 和 --badge"), click.get_current_context())
    if not yes:
        due = due_items(home, county, ids)
        if as_json:
            print_json({"county": county, "due": due, "destroyed": [], "notices": []})
            return
        rows = [(each.id, type_name(each.type), home.local_time(each.received), each.retention) for each in due]
        print_table([_("编号"), _("类型"), _("收到"), _("保管期限")], rows, _("没有到期的"))
        return
    done, notices = carry_out(home, county, ids, (str(name), str(badge)), TerminalPassphrase(passphrase_fd))
    if as_json:
        print_json({"county": county, "due": [], "destroyed": done, "notices": notices})
    else:
        tell(_("已销毁 {count} 件的内容，通知 {notices} 份").format(count=len(done), notices=len(notices)))
