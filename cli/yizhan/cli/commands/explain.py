"""``yizhan explain``: what would happen to it and why; sends nothing.

Law 5: every decision can be explained: the same ``admit`` and ``decide`` answer here as at the station.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Command, at_option, charter_option, county_option, json_option
from yizhan.schemas.i18n import SOURCE_LANGUAGE, _, get_language, marked

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft, LineProblem
    from yizhan.producers.outbox import Outbox
    from yizhan.schemas.charter import Charter
    from yizhan.services.home import Home


@click.command(
    "explain",
    cls=Command,
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
    from yizhan.cli.context import current_home, say_if_stale
    from yizhan.cli.output import print_json
    from yizhan.runtime.clock import utc_now
    from yizhan.services.envelopes import is_envelope, read_input

    home = current_home()
    home.charter_folder = charter or home.charter_folder
    moment = at or utc_now()
    adopted = home.charters.in_force(moment)
    data = read_input(file)
    if is_envelope(data):
        found = [_envelope(data, adopted, moment)]
    else:
        _check_lines(data, file)
        found = list(_drafts(home, data, file, county, adopted, moment))
    stale = say_if_stale(home, home.charters)
    if as_json:
        print_json({"charter": adopted.name, "at": moment, "events": found, "charter_stale": stale})
    else:
        for each in found:
            _show(home, each)
    if not all(each["ok"] for each in found):
        ctx.exit(1)


def _check_lines(data: bytes, name: str) -> None:
    """Refuse, in one sentence, what can hold no event: an empty file, or one of which no line begins an object."""
    from yizhan.services.errors import ServiceError

    if not data.strip():
        raise ServiceError(marked("{name} 是空的：既没有信封，也没有待发事件"), name=name)
    if not any(line.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") for line in data.splitlines()):
        raise ServiceError(marked("{name} 既不是信封，也不是待发事件的 JSON Lines"), name=name)


def _envelope(data: bytes, charter: Charter, at: datetime) -> dict[str, Any]:
    from yizhan.services.envelopes import decisions, judge

    verdict = judge(data, charter, at)
    if verdict.admitted is None:
        refused = verdict.refused
        return {"ok": False, "reason": getattr(refused, "reason", ""), "detail": str(refused)}
    header = verdict.admitted.header
    return {
        "ok": True,
        "id": header.id,
        "type": header.type,
        "from": header.source,
        "to": list(header.to),
        "clock_suspect": verdict.admitted.clock_suspect,
        "decisions": decisions(verdict.admitted),
    }


def _drafts(
    home: Home, data: bytes, name: str, county: str | None, charter: Charter, at: datetime
) -> Iterator[dict[str, Any]]:
    """Publish each draft into a copy that is thrown away, and tell what came of it."""
    from yizhan.producers.drafts import read_jsonl
    from yizhan.services.stores import scratch_outbox

    with contextlib.ExitStack() as stack:
        outboxes: dict[str, Outbox] = {}
        for line, found in _by_line(read_jsonl(io.BytesIO(data), name)):
            if isinstance(found, str):
                yield {"ok": False, "line": line, "reason": "bad_line", "detail": found}
                continue
            sender = county or _sender(found)
            if sender not in charter.members:
                detail = _("{name}:{line}: 看不出发送县；请用 --county C 给出").format(name=name, line=line)
                yield {"ok": False, "line": line, "reason": "no_sender", "detail": detail}
                continue
            if sender not in outboxes:
                outboxes[sender] = stack.enter_context(scratch_outbox(home, sender, charter, at))
            yield {"line": line, **_draft(outboxes[sender], found, at)}


def _by_line(read: Iterable[tuple[int, Draft | LineProblem]]) -> Iterator[tuple[int, Draft | str]]:
    """Join the problems of a line into one text."""
    from yizhan.producers.drafts import LineProblem

    for line, group in groupby(read, key=lambda each: each[0]):
        found = [each for _line, each in group]
        drafts = [each for each in found if not isinstance(each, LineProblem)]
        yield line, drafts[0] if drafts else "\n".join(map(str, found))


def _draft(outbox: Outbox, draft: Draft, at: datetime) -> dict[str, Any]:
    from yizhan.cli.accepted_view import accepted_json
    from yizhan.producers.doubts import doubts, grade_otherwise, kept, place_of
    from yizhan.producers.geography import sample_outlines
    from yizhan.schemas.errors import YizhanError
    from yizhan.services.labels import error_sentence

    found = doubts(draft, outbox.county, outbox.charters.latest().members, at, sample_outlines)
    proposal = grade_otherwise(draft)
    try:
        sent = outbox.publish(kept(draft, found))
    except YizhanError as error:
        return {"ok": False, "type": draft.type, "reason": "not_publishable", "detail": error_sentence(error)}
    told = accepted_json(sent)
    return {
        "ok": True,
        "type": draft.type,
        "from": outbox.source,
        "to": told["to"],
        "duplicate": sent.duplicate,
        "clock_suspect": sent.clock_suspect,
        "doubts": [] if sent.duplicate else found,
        "grade_proposed": proposal,
        "elsewhere": place_of(draft),
        "decisions": told["decisions"],
    }


def _sender(draft: Draft) -> str:
    place = draft.payload.get("place")
    return str(place.get("county", "")) if isinstance(place, dict) else ""


def _show(home: Home, each: dict[str, Any]) -> None:
    from yizhan.cli.output import tell
    from yizhan.schemas.errors import Reason
    from yizhan.services.labels import arrival, doubt_sentence, reason_name, refusal, type_name

    where = _("第 {line} 行 ").format(line=each["line"]) if "line" in each else ""
    if not each["ok"]:
        of_the_station = each["reason"] in set(Reason)
        reason = refusal(each["reason"], each["detail"]) if of_the_station else reason_name(each["reason"])
        tell(_("{where}不会送达：{reason}").format(where=where, reason=reason))
        if not of_the_station:
            tell("  " + str(each["detail"]).replace("\n", "\n  "))
        return
    sentence = _("{where}{type}，{sender} 发出")
    tell(sentence.format(where=where, type=type_name(each["type"]), sender=home.member_name(each["from"])))
    if each.get("duplicate"):
        tell(_("  以前已发过，不会再发"))
    if each.get("clock_suspect"):
        tell(_("  获知时间在未来；火情和灾害照收，注明存疑。请核对所填的 time 和本机时钟"))
    for doubt in each.get("doubts", ()):
        basis = each["grade_proposed"].basis if each["grade_proposed"] else ""
        tell("  " + doubt_sentence(doubt, each["type"], home.member_name(each["elsewhere"] or ""), basis))
    for code, made in each["decisions"].items():
        tell(f"  → {home.member_name(code)}: {arrival(made['way'])}")
        because = made["because"]["zh" if get_language() == SOURCE_LANGUAGE else "en"]
        tell(_("    规则 {rule}：{because}").format(rule=made["rule"], because=because))
