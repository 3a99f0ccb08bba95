"""``yizhan outbox run|list``: a county's publisher, and what its outbox holds."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from yizhan.cli.click_options import (
    MOMENT,
    Group,
    OneOf,
    county_option,
    json_option,
    limit_option,
    option,
    short_ids,
    type_option,
)
from yizhan.cli.context import acting, current_home, say_if_stale
from yizhan.cli.longrun import working
from yizhan.cli.output import print_json, print_pairs, print_table, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.ledger.audit.books import Kind
from yizhan.producers.queries import Figures, OutboxQuery
from yizhan.runtime.folders import private_file
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.books import export_book
from yizhan.services.commands import command_of
from yizhan.services.event_text import event_rows, files_waiting_line, progress_name, sending_lines, waiting_line
from yizhan.services.home import Home
from yizhan.services.labels import reason_name, type_name
from yizhan.services.outbox import OutboxListing, list_events, list_waiting_files, show_event
from yizhan.services.sending_news import SendingMonitor

command = Group("outbox", help=marked("本县发件箱：送出、查看"))


@command.command(
    "run",
    help=marked(
        "送出本县发件箱里的一切，直到叫停；读回驿站的答复。\n\n"
        "逾期没有答复或回执的，原样再送。终端上逐件显示送出、接收、拒收。一个发件箱只容一个这样的进程。"
    ),
)
@county_option()
@passphrase_option()
def run(county: str, passphrases: TerminalPassphrase) -> None:
    """Run the publisher."""
    from yizhan.services.sending import open_sender  # noqa: PLC0415 -- Kafka, of the extra "desk"

    home = current_home()
    with (
        open_sender(home, county, passphrases) as sender,
        working(home.settings, home.settings.outbox_metrics_port) as (stop, watchdog),
    ):
        shown: AbstractContextManager[None] = nullcontext()
        if sys.stderr.isatty():
            say(_("正在送出 {county} 的发件箱；Ctrl-C 停下").format(county=home.member_name(county)))
            monitor = SendingMonitor(home, county)
            shown = monitor.telling(lambda news: say("\n".join(sending_lines(home, news))), stop)
        with shown:
            sender.run(stop, watchdog=watchdog)


@command.command("list", help=marked("列出本县发出的事件，最新的在最后，以及还有多少在等"))
@county_option()
@option("--state", type=OneOf(["queued", "sent", "accepted", "refused"]), help=marked("只列这一状态的"))
@type_option()
@option("--since", type=MOMENT, metavar="TIME", help=marked("只列此时起收下的"))
@option("--until", type=MOMENT, metavar="TIME", help=marked("只列此时前收下的"))
@limit_option()
@json_option()
def list_(county: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 -- as OutboxQuery
    """List events."""
    home, query = current_home(), OutboxQuery(**wanted)
    found = list_events(home, county, query)
    stale = say_if_stale(home.reader_of(county))
    if as_json:
        events = [dataclasses.asdict(row) | {"progress": found.progress.get(row.id, {})} for row in found.events]
        values = {"county": county, "waiting": found.figures or Figures(0, 0.0, 0, 0), "events": events}
        publisher = {"running": found.running, "no_broker_since": found.no_broker_since}
        print_json(values | {"charter_stale": stale, "publisher": publisher})
        return
    print_table(
        [_("编号"), _("类型"), _("收下"), _("收件"), _("状态"), _("说明")],
        [
            (
                row.id,
                type_name(row.type),
                home.local_time(row.accepted),
                join_list(home.member_name(code) for code in row.to),
                progress_name(row, found.progress.get(row.id, {})),
                row.trouble or (reason_name(row.reason) if row.reason else "") or (row.replaced_by or ""),
            )
            for row in found.events
        ],
        _("没有符合条件的事件") if query != OutboxQuery(limit=query.limit) else _("发件箱是空的"),
    )
    if found.figures is not None:
        tell(waiting_line(found.figures))
    if found.waits is not None:
        tell(_why_it_waits(home, county, found))


def _why_it_waits(home: Home, county: str, found: OutboxListing) -> str:
    if found.waits == "no_publisher":
        return _("没有进程在送；请运行 {command}").format(command=command_of(Action.to("outbox.run", county=county)))
    if found.waits == "no_broker":
        return _("自 {since} 起连不上 Kafka；接通后自动送出").format(since=home.local_time(found.no_broker_since))
    if found.waits == "sending":
        return _("正在送出")
    return _("已送到 Kafka，驿站还没有答复；久无答复时，请问驿站是否在运行")


@command.command("show", help=marked("显示本县发出的一件：全部内容，每个收件县到了哪一步、谁签收"))
@click.argument("event_id", metavar="ID")
@county_option()
@json_option()
@short_ids(event_id="outbox")
def show(event_id: str, county: str, as_json: bool) -> None:
    """Show one own event."""
    home = current_home()
    found = show_event(home, county, event_id, acting("outbox show"))
    if not as_json:
        print_pairs(event_rows(home, found, _("全部见 --json")))
        return
    recipients = [
        {"recipient": each.recipient, "state": found.state(each), **found.steps(each), "posting": each}
        for each in found.postings
    ]
    event = found.event
    sent = {"id": event.header.id, "event": event.row, "header": event.header, "payload": dict(found.contents.raw)}
    print_json({"county": county, **sent, "recipients": recipients})


@command.command("files", help=marked("列出还有收件县没有取齐的附件：已送出多少，谁已取齐；都取齐的不再列"))
@county_option()
@json_option()
def files(county: str, as_json: bool) -> None:
    """List attached files."""
    home = current_home()
    found = list_waiting_files(home, county)
    if as_json:
        print_json({"county": county, "files": found.files, "trouble": found.trouble})
        return
    if found.trouble is not None:
        say(files_waiting_line(found.trouble))
    print_table(
        [_("编号"), _("文件名"), _("字节数"), _("已送出"), _("已取齐"), _("未取齐")],
        [
            (
                row.event,
                row.name,
                str(row.bytes),
                f"{row.sent}/{row.chunks}",
                join_list(map(home.member_name, row.fetched)),
                join_list(map(home.member_name, row.waiting)),
            )
            for row in found.files
        ],
        _("没有在等的附件"),
    )


@command.command(
    "export",
    help=marked(
        "导出发件簿，交给审计：编号、指纹、签名存根、顺序号、时间；没有任何内容，姓名只有调阅记录里的。\n\n"
        "导出记入本县的调阅记录。FILE 为 - 时写到标准输出。"
    ),
)
@click.argument("file", metavar="FILE", default="-")
@county_option()
def export(file: str, county: str) -> None:
    """Export the book."""
    write_book(county, "outbox", file)


def write_book(county: str, kind: Kind, file: str) -> None:
    """Write the book to a file (mode 0600) or, for ``-``, to standard output."""
    lines = export_book(current_home(), county, kind, acting(f"{kind} export"), Path(file).name)
    if file == "-":
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    with private_file(Path(file)) as made:
        made.writelines(lines)
