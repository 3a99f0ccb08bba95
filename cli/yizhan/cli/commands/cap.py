"""``yizhan cap ID``: an event as a CAP 1.2 message; ``yizhan import cap``: CAP 1.2 messages as drafts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.actions import with_action
from yizhan.cli.binary_io import read_input, write_stdout
from yizhan.cli.click_options import (
    county_option,
    json_option,
    office_option,
    option,
    outlines_option,
    short_ids,
    single_command,
)
from yizhan.cli.context import acting, current_home
from yizhan.cli.failures import failure
from yizhan.cli.output import fields_of, print_json, say, tell
from yizhan.producers.cap import CapMessage
from yizhan.producers.cap.xml import MAX_BYTES
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.letters import status_mark
from yizhan.services.cap import CapImport, CapOptions, Remark, event_as_cap, take_messages
from yizhan.services.doubts import doubt_sentences
from yizhan.services.errors import ServiceError
from yizhan.services.files import write_new
from yizhan.services.form_text import missing_sentence
from yizhan.services.home import Home
from yizhan.services.labels import type_name

_STDOUT: Final = "-"


@single_command(
    "cap",
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
@short_ids(event_id="both")
def cap(event_id: str, county: str, file: str, *, english: bool) -> None:
    """Write an event as CAP."""
    home = current_home()
    written = event_as_cap(home, county, event_id, acting("cap"), english=english)
    if file == _STDOUT:
        write_stdout(written.xml)
    else:
        write_new(file, written.xml, 0o600)
        say(_("已写到 {file}").format(file=file))
    for changed in written.changed_by:
        say(_("注意：这一件已被 {id} 撤回或更正").format(id=changed))
    for each in written.left_out:
        say(each)


@single_command(
    "cap",
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
@outlines_option()
@office_option()
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
    home = current_home()
    found: list[CapImport] = []
    options = CapOptions(office, outlines)
    for taken in take_messages(home, county, files, lambda file: read_input(file, MAX_BYTES), options):
        found.append(taken)
        if not as_json:
            _show(home, county, taken)
    if as_json:
        print_json({"county": county, "files": [_as_json(home, each) for each in found]})
    if any(each.refused or each.error for each in found):
        ctx.exit(1)


def _sentence(remark: Remark) -> str:
    return with_action(str(remark.sentence), remark.hint)


def _refusals(taken: CapImport) -> list[str]:
    """Return why a message was refused; a file's own name, which stands before it, is not repeated."""
    if (error := taken.error) is None:
        return [_sentence(each) for each in taken.refused]
    reason = str(error) if isinstance(error, ServiceError) else failure(error)
    return [reason.removeprefix(taken.file).lstrip(": ")]


def _as_json(home: Home, taken: CapImport) -> dict[str, Any]:
    """Return what became of a message, for programs."""
    names = "n type external_ref status unfit"
    drafts = [
        {
            **fields_of(each, names),
            "missing": missing_sentence(each.missing),
            "doubts": doubt_sentences(home, each.judged),
        }
        for each in taken.drafts
    ]
    return {
        **fields_of(taken, "file sent_before drafted_before"),
        "message": None if taken.message is None else _message_json(taken.message),
        "drafts": drafts,
        "refused": _refusals(taken),
        "unfit": [_sentence(each) for each in taken.unfit],
    }


def _message_json(message: CapMessage) -> dict[str, Any]:
    name = message.name
    return {
        **fields_of(name, "sender identifier"),
        **fields_of(message, "status msg_type"),
        "sent": name.sent.isoformat(),
    }


def _show(home: Home, county: str, taken: CapImport) -> None:
    """Say what became of a message."""
    if (message := taken.message) is not None:
        mark = status_mark(message.status)
        name = message.name
        say(f"{taken.file}: {mark}{name.sender} {name.identifier} {home.local_time(name.sent)} {message.msg_type}")
    for each in taken.drafts:
        sentence = _("草稿 {n}：{type}；接着写：yizhan draft edit {n} --county {county}")
        tell(sentence.format(n=each.n, type=type_name(each.type), county=county))
        for remark in filter(None, (missing_sentence(each.missing), *doubt_sentences(home, each.judged), *each.unfit)):
            say(f"  {remark}")
    for event_id in taken.sent_before:
        tell(_("以前已发过：{id}").format(id=event_id))
    for n in taken.drafted_before:
        tell(_("已在草稿 {n}").format(n=n))
    for sentence in (*map(_sentence, taken.unfit), *_refusals(taken)):
        say(f"{taken.file}: {sentence}")
