"""``yizhan cap ID``: an event as a CAP 1.2 message; ``yizhan import cap``: CAP 1.2 messages as drafts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from yizhan.cli.click_options import Command, county_option, json_option, option
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from yizhan.services.cap import CapImport
    from yizhan.services.home import Home

_STDOUT: Final = "-"


@click.command(
    "cap",
    cls=Command,
    help=marked(
        "把一件森林火灾、卫星热点或自然灾害写成 CAP 1.2 报文（OASIS 通用预警协议），收件发件都可以。\n\n"
        "scope 一律是 Restricted：只在签约县之间，不向公众发布。CAP 没有的项写在 parameter 里，再导入时原样回来。"
        "报文是明文，导出记入本县的调阅记录；附件和打开附件的密钥不在其中。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option()
@option("-o", "--out", "file", default=_STDOUT, metavar="FILE", help=marked("写到文件，不覆盖（默认：标准输出）"))
@option("--english", is_flag=True, help=marked("另加一段英文 info"))
def cap(event_id: str, county: str, file: str, *, english: bool) -> None:
    """Write an event as CAP."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import say
    from yizhan.services.access_log import record
    from yizhan.services.cap import as_cap
    from yizhan.services.envelopes import write_new

    home = current_home()
    made = as_cap(home, county, event_id, english=english)
    record(home, county, acting("cap"), "exported", [event_id])
    if file == _STDOUT:
        sys.stdout.buffer.write(made.xml)
        sys.stdout.buffer.flush()
    else:
        write_new(file, made.xml, 0o600)
        say(_("已写到 {file}").format(file=file))
    for each in made.left_out:
        say(each)


@click.command(
    "cap",
    cls=Command,
    help=marked(
        "导入 CAP 1.2 报文（OASIS 通用预警协议，XML），成为草稿。\n\n"
        "认识森林火灾和 GB/T 28921 的自然灾害；不认识的拒收，并列出认识的。CAP 没有说的（伤亡、火势等）留空，"
        "由民警用 yizhan draft edit N 补齐、看过再发。放不进去的逐项写明，坐标不在本县的提示核对。"
        "演练和测试仍是演练和测试。XML 签名不核验，由导入的民警负责。"
        "同一报文再次导入不会重复。FILE 为 - 时读标准输入。有拒收的退出码为 1。"
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@county_option()
@option("--outlines", type=click.Path(path_type=Path), metavar="GEOJSON", help=marked("县界文件（默认示例县界）"))
@option(
    "--office",
    type=click.Path(path_type=Path),
    metavar="JSON",
    help=marked("机构代码、拟稿人、联系人（样例：主目录里的 office.json；结构：yizhan schema office）"),
)
@json_option()
@click.pass_context
def import_cap(
    ctx: click.Context,
    files: tuple[str, ...],
    *,
    county: str,
    outlines: Path | None,
    office: Path | None,
    as_json: bool,
) -> None:
    """Import messages."""
    from yizhan.cli.commands.imports import read_office, read_outlines
    from yizhan.cli.context import current_home
    from yizhan.cli.main import failure
    from yizhan.cli.output import print_json
    from yizhan.producers.cap import CapInvalid
    from yizhan.producers.cap.xml import MAX_BYTES
    from yizhan.services.cap import CapDesk, CapImport
    from yizhan.services.envelopes import read_input
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import open_drafts

    home = current_home()
    found: list[CapImport] = []
    with open_drafts(home, county) as book:
        desk = CapDesk(home, county, book, read_office(office), read_outlines(outlines))
        for file in files:
            try:
                came = desk.take(file, read_input(file, MAX_BYTES))
            except (CapInvalid, ServiceError, OSError) as error:
                said = str(error) if isinstance(error, ServiceError) else failure(error)
                came = CapImport(file, refused=[said.removeprefix(file).lstrip(": ")])
            found.append(came)
            if not as_json:
                _tell(home, county, came)
    if as_json:
        print_json({"county": county, "files": [each.as_json() for each in found]})
    if any(each.refused for each in found):
        ctx.exit(1)


def _tell(home: Home, county: str, came: CapImport) -> None:
    from yizhan.cli.output import say, tell
    from yizhan.services.labels import type_name

    if (message := came.message) is not None:
        mark = {"Exercise": _("【演练】"), "Test": _("【测试】")}.get(message.status, "")
        name = message.name
        say(f"{came.file}: {mark}{name.sender} {name.identifier} {home.local_time(name.sent)} {message.msg_type}")
    for each in came.drafts:
        tell(
            _("草稿 {n}：{type}；接着写：yizhan draft edit {n} --county {county}").format(
                n=each["n"], type=type_name(each["type"]), county=county
            )
        )
        for said in filter(None, (each["missing"], *each["doubts"], *each["unfit"])):
            say(f"  {said}")
    for event_id in came.sent_before:
        tell(_("以前已发过：{id}").format(id=event_id))
    for n in came.drafted_before:
        tell(_("已在草稿 {n}").format(n=n))
    for said in (*came.unfit, *came.refused):
        say(f"{came.file}: {said}")
