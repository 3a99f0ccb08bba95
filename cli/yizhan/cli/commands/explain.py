"""``yizhan explain``: what would happen to a file and why; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from yizhan.cli.binary_io import read_input
from yizhan.cli.click_options import at_option, charter_option, county_option, json_option, single_command
from yizhan.cli.context import current_home, say_if_stale
from yizhan.cli.output import fields_of, print_json, tell
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.policy import Decision
from yizhan.services.doubts import doubt_sentences
from yizhan.services.envelopes import EnvelopeVerdict
from yizhan.services.home import Home
from yizhan.services.labels import arrival, error_sentence, reason_name, refusal, type_name
from yizhan.services.publishing import DraftExplained, Explained, NotSendable, explain


@single_command(
    "explain",
    help=marked(
        "说明一份文件会怎样、为什么；什么也不发出。\n\n"
        "FILE 是信封，或待发事件的 JSON Lines（样例：主目录里的 event.jsonl）。"
        "对每个收件县说明送达方式、依据的规则和条款；"
        "会被拒收的，说明原因。只需要章程。FILE 为 - 时读标准输入。有拒收或坏行时退出码为 1。"
    ),
)
@click.argument("file", metavar="FILE")
@county_option(required=False, help=marked("待发事件的发送县（默认取内容里 place.county）"))
@charter_option()
@at_option()
@json_option()
@click.pass_context
def command(
    ctx: click.Context, file: str, county: str | None, charter: Path | None, at: datetime | None, as_json: bool
) -> None:
    """Explain a file."""
    home = current_home(charter)
    moment = at or utc_now()
    adopted = home.charters.in_force(moment)
    found = explain(home, read_input(file), file, county, adopted, moment)
    stale = say_if_stale(home.charters)
    if as_json:
        events = [_as_json(each, file) for each in found]
        print_json({"charter": adopted.name, "at": moment, "events": events, "charter_stale": stale})
    else:
        for each in found:
            _show(home, each, file)
    if not all(_goes(each) for each in found):
        ctx.exit(1)


def _goes(each: Explained) -> bool:
    return isinstance(each, DraftExplained) or (isinstance(each, EnvelopeVerdict) and each.admitted is not None)


def _detail(each: NotSendable, name: str) -> str:
    if each.error is not None:
        return error_sentence(each.error)
    if each.problems:
        return "\n".join(map(str, each.problems))
    return _("{name}:{line}: 看不出发送县；请用 --county C 给出").format(name=name, line=each.line)


def _as_json(each: Explained, name: str) -> dict[str, Any]:
    """Return what would happen, for programs."""
    if isinstance(each, NotSendable):
        kind = {"type": each.type} if each.reason == "not_publishable" else {}
        return {"line": each.line, "ok": False, **kind, "reason": each.reason, "detail": _detail(each, name)}
    if isinstance(each, DraftExplained):
        return {
            "line": each.line,
            "ok": True,
            "type": each.judged.draft.type,
            "from": each.source,
            **fields_of(each.sent, "to duplicate clock_suspect"),
            "doubts": each.judged.doubts,
            "grade_proposed": each.judged.grade,
            "elsewhere": each.judged.county,
            "decisions": each.sent.decisions,
        }
    if each.admitted is None:
        return {"ok": False, "reason": getattr(each.refused, "reason", ""), "detail": str(each.refused)}
    header = each.admitted.header
    return {
        "ok": True,
        **fields_of(header, "id type to"),
        "from": header.source,
        "clock_suspect": each.admitted.clock_suspect,
        "decisions": each.admitted.decisions,
    }


def _show(home: Home, each: Explained, name: str) -> None:
    """Print what would happen."""
    if isinstance(each, NotSendable):
        where = _("第 {line} 行 ").format(line=each.line)
        tell(_("{where}不会送达：{reason}").format(where=where, reason=reason_name(each.reason)))
        tell("  " + _detail(each, name).replace("\n", "\n  "))
    elif isinstance(each, DraftExplained):
        where = _("第 {line} 行 ").format(line=each.line)
        _show_event(home, where, each.judged.draft.type, each.source)
        if each.sent.duplicate:
            tell(_("  以前已发过，不会再发"))
        _show_decisions(
            home, each.sent.decisions, doubts=doubt_sentences(home, each.judged), late=each.sent.clock_suspect
        )
    elif each.admitted is None:
        reason = refusal(str(getattr(each.refused, "reason", "")), str(each.refused))
        tell(_("{where}不会送达：{reason}").format(where="", reason=reason))
    else:
        _show_event(home, "", each.admitted.header.type, each.admitted.header.source)
        _show_decisions(home, each.admitted.decisions, late=each.admitted.clock_suspect)


def _show_event(home: Home, where: str, type: str, source: str) -> None:
    sentence = _("{where}{type}，{sender} 发出")
    tell(sentence.format(where=where, type=type_name(type), sender=home.member_name(source)))


def _show_decisions(home: Home, made: Mapping[str, Decision], *, late: bool, doubts: list[str] | None = None) -> None:
    if late:
        tell(_("  获知时间在未来；火情和灾害照收，注明存疑。请核对所填的 time 和本机时钟"))
    for sentence in doubts or ():
        tell("  " + sentence)
    for code, each in made.items():
        tell(f"  → {home.member_name(code)}: {arrival(each.way)}")
        tell(_("    规则 {rule}：{because}").format(rule=each.rule, because=home.localized(each.because)))
