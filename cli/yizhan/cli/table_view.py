"""What an imported table holds and what became of it, for people and programs.

Rule 1: a screen lists the first of many; the file of rejected rows and ``--json`` have them all.
"""

from __future__ import annotations

from typing import Any, Final

from yizhan.cli.accepted_view import accepted_lines
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import say, tell
from yizhan.producers.table_texts import NAMES, SEPARATORS
from yizhan.schemas.i18n import _, join_list
from yizhan.services.doubts import doubt_sentences
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence
from yizhan.services.tables import TableImport

LISTED: Final = 50
"""Rows or problems listed on a screen."""


def reject_reasons(home: Home, found: TableImport) -> dict[int, list[str]]:
    """Return row → why it stayed back, of every one that did."""
    reasons: dict[int, list[str]] = {}
    for problem in found.problems:
        if problem.line in found.rows:
            reasons.setdefault(problem.line, []).append(str(problem).partition(f":{problem.line}: ")[2])
    for line in found.held_back:
        reasons.setdefault(line, []).extend(doubt_sentences(home, found.doubtful[line]))
    for line, error in found.failed.items():
        reasons.setdefault(line, []).append(error_sentence(error))
    return dict(sorted(reasons.items()))


def table_json(home: Home, found: TableImport, rejects: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Return it all for programs; rows by their number."""
    return {
        "dry_run": dry_run,
        "would_send": list(found.going()) if dry_run else [],
        "sent": [{"row": line, **json_value(sent)} for line, sent in found.sent.items()],
        "drafts": found.drafts,
        "sent_before": found.sent_before,
        "repeated": [{"row": line, "same_as": earlier} for line, earlier in found.repeated.items()],
        "problems": found.problems,
        "doubts": [{"row": line, "said": doubt_sentences(home, each)} for line, each in found.doubtful.items()],
        "kept_back": found.held_back,
        "failed": [{"row": line, "error": error_sentence(error)} for line, error in found.failed.items()],
        "unread_sheets": list(found.unread_sheets),
        "read_as": None
        if found.text is None
        else {"encoding": NAMES[found.text.encoding], "separator": found.text.separator},
        "bad_file": rejects,
    }


def show_problems(found: TableImport) -> None:
    """Say how the table was read, what is wrong with it, and what of it was not read."""
    if found.text is not None and not found.text.usual:
        sentence = _("按 {encoding} 读取，各格以{separator}分隔")
        separator = _(SEPARATORS[found.text.separator])
        say(sentence.format(encoding=NAMES[found.text.encoding], separator=separator))
    if found.unread_sheets:
        say(_("没有读的工作表：{names}；要读请用 --sheet").format(names=join_list(found.unread_sheets)))
    for problem in found.problems[:LISTED]:
        say(str(problem))
    if len(found.problems) > LISTED:
        count = len(found.problems) - LISTED
        say(_("还有 {count} 处问题；写在没有发的行的文件里，或用 --json").format(count=count))


def show_doubts(home: Home, found: TableImport) -> None:
    """Say the doubts, row by row."""
    for line, judged in list(found.doubtful.items())[:LISTED]:
        say(_("第 {line} 行：{said}").format(line=line, said=" ".join(doubt_sentences(home, judged))))
    if len(found.doubtful) > LISTED:
        say(_("还有 {count} 行有疑问；用 --json 看全部").format(count=len(found.doubtful) - LISTED))


def show_outcome(home: Home, found: TableImport, rejects: str | None, *, dry_run: bool) -> None:
    """Say what went, what did not, and where that is."""
    new = [sent for sent in found.sent.values() if not sent.duplicate]
    for sent in new[:LISTED]:
        tell("\n".join(accepted_lines(home, sent)))
    for line, sent in found.sent.items():
        if sent.differs:
            sentence = _(
                "第 {line} 行：以前以 {id} 发出过内容不同的一件，这一份没有发；要更正请用 yizhan new --supersedes"
            )
            say(sentence.format(line=line, id=sent.id))
    if again := [line for line in found.sent_before if line in found.event_ids]:
        sentence = _("第 {lines} 行有编号，是发过的，没有再发；改过的不算：要另发一件，请清空编号")
        say(sentence.format(lines=", ".join(map(str, again[:LISTED])) + (" …" if len(again) > LISTED else "")))
    for line, earlier in found.repeated.items():
        say(_("第 {line} 行与第 {earlier} 行相同，只发一次").format(line=line, earlier=earlier))
    for line, error in found.failed.items():
        say(_("第 {line} 行：{said}").format(line=line, said=error_sentence(error)))
    if found.drafts:
        say(_("存成草稿 {count} 份：yizhan draft list").format(count=len(found.drafts)))
    if found.empty:
        say(_("表格里只有表头，没有一行可发"))
    say(_summary(found, len(new), dry_run=dry_run))
    if rejects is not None:
        say(_("没有发的行和原因：{file}；改好后再导入").format(file=rejects))


def _summary(found: TableImport, new: int, *, dry_run: bool) -> str:
    sentence = (
        _("会发出 {new} 行，以前已发过 {before} 行，不能发 {bad} 行，有疑问留下 {kept} 行")
        if dry_run
        else _("发出 {new} 行，以前已发过 {before} 行，不能发 {bad} 行，有疑问留下 {kept} 行")
    )
    bad = {problem.line for problem in found.problems if problem.line in found.rows} | set(found.failed)
    before = len(found.sent_before) + len(found.sent) - new
    count = len(found.going()) if dry_run else new
    return sentence.format(new=count, before=before, bad=len(bad), kept=len(found.held_back))
