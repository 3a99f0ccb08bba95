"""``yizhan inbox``: what arrives at a county, its attached files, and its officers' answers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import click

from yizhan.cli.arrival_view import JsonLines, Screen
from yizhan.cli.bell_view import say_heard, unreachable_rungs
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
from yizhan.cli.context import acting, current_home, debugging, log_to_stderr, say_if_stale
from yizhan.cli.item_view import item_json, item_panel
from yizhan.cli.longrun import working
from yizhan.cli.output import console, print_json, print_table, progress, say, tell
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.bell.rings import RingOutcome
from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import State, sentence
from yizhan.schemas.i18n import _, join_list, join_sentences, marked
from yizhan.schemas.policy import Way
from yizhan.services.actor import named_officer
from yizhan.services.bell import ladder, make_ringer, read_bell
from yizhan.services.books import export_book
from yizhan.services.home import Home
from yizhan.services.inbox import (
    answer_item,
    list_aside,
    list_item_files,
    list_items,
    save_item_files,
    show_item,
)
from yizhan.services.labels import stage_name, type_name, way_name
from yizhan.services.retention import destroy_content, list_due

_SHOWN: Final = 40

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
    from yizhan.services.receiving import open_receiver

    home = current_home()
    bell = read_bell(home, county)
    for line in () if bell is None else unreachable_rungs(ladder(home, county, bell.settings)):
        say(line)

    def heard(outcome: RingOutcome) -> None:
        if not quiet:
            say_heard(outcome, as_json=as_json)

    observer = None if quiet else JsonLines() if as_json else Screen(home, county)
    with (
        open_receiver(home, county, TerminalPassphrase(passphrase_fd)) as receiver,
        working(home.settings, home.settings.inbox_metrics_port, elsewhere="yizhan_outbox_") as (stop, watchdog),
    ):
        log_to_stderr(debug=debugging())
        receiver.run(
            stop,
            acting("inbox run"),
            watchdog=watchdog,
            observer=observer,
            all_content=as_json,
            companion=None if bell is None else lambda inbox: make_ringer(home, inbox, bell, heard),
        )


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
    found = list_items(home, county, query, acting("inbox list"))
    stale = say_if_stale(home, home.reader_of(county))
    if as_json:
        items = [item_json(item) for item in found.items]
        more = {"aside": list_aside(home, county), "gaps": found.gaps, "conflicts": found.conflicts}
        print_json({"county": county, "items": items, **more, "charter_stale": stale})
        return
    print_table(
        [_("编号"), _("类型"), _("发件"), _("收到"), _("方式"), _("状态"), _("简要情况"), _("注意")],
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
        home.member_name(item.source),
        home.local_time(item.received),
        f"{way_name(item.way)} {item.rule}",
        sentence(item.state) + changed,
        _summary(item),
        join_sentences(sentence(warning) for warning in item.warnings),
    )


def _summary(item: Item) -> str:
    """Return the beginning of what its sender wrote."""
    summary = None if item.contents is None else item.contents.raw.get("summary")
    text = summary if isinstance(summary, str) else ""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


@command.command("show", help=marked("显示一件的全部内容"))
@click.argument("item_id", metavar="ID")
@county_option()
@json_option()
def show(item_id: str, county: str, as_json: bool) -> None:
    """Show one item."""
    home = current_home()
    item = show_item(home, county, item_id, acting("inbox show"))
    if as_json:
        print_json(item_json(item))
    else:
        console().print(item_panel(home, item, county))


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
    """Enter an officer's answer."""
    home = current_home()
    actor = acting("inbox ack", named_officer(name, badge))
    answered = answer_item(home, county, item_id, stage, note, actor, TerminalPassphrase(passphrase_fd))
    if as_json:
        print_json(item_json(answered.item) | {"entered": answered.entered})
        return
    for each in answered.earlier:
        line, at = _("此前：{stage}，签收人 {name}（{badge}），{at}"), home.local_time(each.at)
        say(line.format(stage=stage_name(each.stage), name=each.name, badge=each.badge, at=at))
    line = (
        _("{id} {stage}，签收人 {name}（{badge}）")
        if answered.entered
        else _("{id} {stage}，签收人 {name}（{badge}）：这句话此前已记下，没有再记")
    )
    tell(line.format(id=answered.item.id, stage=stage_name(stage), name=name, badge=badge))


@command.command("files", help=marked("列出一件随文书密封的附件：名称、格式、大小、已取到多少"))
@click.argument("item_id", metavar="ID")
@county_option()
@json_option()
def files(item_id: str, county: str, as_json: bool) -> None:
    """List attached files."""
    found = list_item_files(current_home(), county, item_id, acting("inbox files"))
    if as_json:
        files = [
            {name: getattr(each.attachment, name) for name in ("name", "media_type", "bytes", "sha256")}
            | {"chunks": each.chunks, "here": each.here, "complete": each.complete}
            for each in found.files
        ]
        print_json({"county": county, "id": item_id, "files": files, "problems": found.problems})
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
            for each in found.files
        ],
        _("这一件没有随文书密封的附件"),
    )
    for problem in found.problems:
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
    home, actor = current_home(), acting("inbox save")
    with progress(_("存附件")) as bar:
        found = save_item_files(home, county, item_id, name, Path(folder), actor, bar)
    if as_json:
        refused = [{"name": file, "cause": error.cause, "error": str(error)} for file, error in found.refused]
        print_json({"county": county, "id": item_id, "saved": [str(path) for path in found.saved], "refused": refused})
    else:
        for path in found.saved:
            tell(_("已存 {path}").format(path=path))
        for _file, error in found.refused:
            say(str(error))
    if found.refused:
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
    home = current_home()
    if yes and not (name and badge):
        raise click.UsageError(_("销毁要写明是谁决定的：--name 和 --badge"), click.get_current_context())
    if not yes:
        due = list_due(home, county, ids)
        if as_json:
            print_json({"county": county, "due": due, "destroyed": [], "notices": []})
            return
        rows = [(each.id, type_name(each.type), home.local_time(each.received), each.retention) for each in due]
        print_table([_("编号"), _("类型"), _("收到"), _("保管期限")], rows, _("没有到期的"))
        return
    actor = acting("inbox destroy", named_officer(str(name), str(badge)))
    done = destroy_content(home, county, ids, actor, TerminalPassphrase(passphrase_fd))
    if as_json:
        print_json({"county": county, "due": [], "destroyed": done.destroyed, "notices": done.notices})
    else:
        line = _("已销毁 {count} 件的内容，通知 {notices} 份")
        tell(line.format(count=len(done.destroyed), notices=len(done.notices)))
