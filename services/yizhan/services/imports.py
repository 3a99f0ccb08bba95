"""What an imported table holds and what became of it: told, as JSON, and as a file of the rows that stayed back.

Rule 1: what stayed back is written as it came, in the same columns, with the reasons in a last one.
Rule 2: a screen tells the first of many; the file and ``--json`` have them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.i18n import _, join_list

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft, LineProblem
    from yizhan.producers.numbering import Accepted
    from yizhan.producers.tables import TableRow
    from yizhan.services.home import Home

TOLD: Final = 50
"""Problems told on a screen; the file beside and --json have them all."""


@dataclass
class TableImport:
    """What a table holds, and what became of it; rows by their number."""

    type: str = ""
    headings: tuple[str, ...] = ()
    good: dict[int, Draft] = field(default_factory=dict)
    rows: dict[int, TableRow] = field(default_factory=dict)
    """As they came, of those that may stay back."""
    problems: list[LineProblem] = field(default_factory=list)
    unread: tuple[str, ...] = ()
    named: dict[int, str] = field(default_factory=dict)
    """Row → id of the event that it was exported from."""
    before: list[int] = field(default_factory=list)
    twice: dict[int, int] = field(default_factory=dict)
    """Row → the earlier one that says the same."""
    doubts: dict[int, list[str]] = field(default_factory=dict)
    kept_back: list[int] = field(default_factory=list)
    sent: dict[int, Accepted] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    drafts: list[int] = field(default_factory=list)
    broken: Exception | None = None
    """What ended the sending before its end."""

    def going(self) -> dict[int, Draft]:
        """Return row → draft, of those that are not kept back."""
        kept = set(self.kept_back)
        return {line: draft for line, draft in self.good.items() if line not in kept}

    def reasons(self) -> dict[int, list[str]]:
        """Return row → why it stayed back, of every one that did."""
        found: dict[int, list[str]] = {}
        for problem in self.problems:
            if problem.line in self.rows:
                found.setdefault(problem.line, []).append(str(problem).partition(f":{problem.line}: ")[2])
        for line in self.kept_back:
            found.setdefault(line, []).extend(self.doubts[line])
        for line, said in self.failed.items():
            found.setdefault(line, []).append(said)
        return dict(sorted(found.items()))


def write_beside(found: TableImport, file: str, name: str | None) -> str | None:
    """Write the rows that stayed back as they came, with the reasons in a last column; return the file's name."""
    from yizhan.producers.columns import TROUBLE, letters
    from yizhan.producers.templates import csv_table, workbook
    from yizhan.services.envelopes import write_new

    reasons = found.reasons()
    if not reasons:
        return None
    width = max(max(found.rows[line].cells) + 1 for line in reasons)
    names = [*found.headings, *[""] * width][: max(width, len(found.headings))]
    # A heading that stands twice would be one column: the second gets its letter.
    names = [each if each and each not in names[:n] else f"{each}{letters(n)}" for n, each in enumerate(names)]
    troubles = {TROUBLE, _(TROUBLE)}
    headings = [each for each in names if each not in troubles] + [_(TROUBLE)]
    rows = [
        {names[n]: _as_it_came(cell.value) for n, cell in found.rows[line].cells.items() if cell.value is not None}
        | {_(TROUBLE): "\n".join(said)}
        for line, said in reasons.items()
    ]
    made = name or _free_name(file)
    write_new(
        made,
        csv_table(headings, rows)
        if made.lower().endswith(".csv")
        else workbook(found.type, {_(TROUBLE): (headings, rows)}),
        0o600,
    )
    return made


def _as_it_came(value: Any) -> str | int | float:  # noqa: ANN401 -- whatever a cell held
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    from yizhan.producers.forms import Field, FieldKind
    from yizhan.producers.tables import plain

    return plain(value, Field("", "", FieldKind.MOMENT))


def _free_name(file: str) -> str:
    """Name a file beside another that is not there yet: ``day.bad.xlsx``, ``day.bad2.xlsx``."""
    whole = Path(file)
    stem = re.sub(r"\.bad[0-9]*$", "", whole.stem)
    ending = ".csv" if whole.suffix.lower() == ".csv" else ".xlsx"
    n = 1
    while (free := whole.with_name(f"{stem}.bad{n if n > 1 else ''}{ending}")).exists():
        n += 1
    return str(free)


def as_json(found: TableImport, beside: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Return it all for programs; rows by their number."""
    from yizhan.cli.accepted_view import accepted_json

    return {
        "dry_run": dry_run,
        "would_send": list(found.going()) if dry_run else [],
        "sent": [{"row": line, **accepted_json(sent)} for line, sent in found.sent.items()],
        "drafts": found.drafts,
        "sent_before": found.before,
        "repeated": [{"row": line, "same_as": earlier} for line, earlier in found.twice.items()],
        "problems": found.problems,
        "doubts": [{"row": line, "said": said} for line, said in found.doubts.items()],
        "kept_back": found.kept_back,
        "failed": [{"row": line, "error": said} for line, said in found.failed.items()],
        "unread_sheets": list(found.unread),
        "bad_file": beside,
    }


def tell_problems(found: TableImport) -> None:
    """Tell what is wrong with the table, and what of it was not read."""
    from yizhan.cli.output import say

    if found.unread:
        say(_("没有读的工作表：{names}；要读请用 --sheet").format(names=join_list(found.unread)))
    for problem in found.problems[:TOLD]:
        say(str(problem))
    if len(found.problems) > TOLD:
        say(_("还有 {count} 处问题；写在没有发的行的文件里，或用 --json").format(count=len(found.problems) - TOLD))


def tell_outcome(home: Home, found: TableImport, beside: str | None, *, dry_run: bool) -> None:
    """Tell what went, what did not, and where that is."""
    from yizhan.cli.accepted_view import accepted_lines
    from yizhan.cli.output import say, tell

    new = [sent for sent in found.sent.values() if not sent.duplicate]
    for sent in new[:TOLD]:
        tell("\n".join(accepted_lines(home, sent)))
    for line, sent in found.sent.items():
        if sent.differs:
            sentence = _(
                "第 {line} 行：以前以 {id} 发出过内容不同的一件，这一份没有发；要更正请用 yizhan new --supersedes"
            )
            say(sentence.format(line=line, id=sent.id))
    if again := [line for line in found.before if line in found.named]:
        sentence = _("第 {lines} 行有编号，是发过的，没有再发；改过的不算：要另发一件，请清空编号")
        say(sentence.format(lines=", ".join(map(str, again[:TOLD])) + (" …" if len(again) > TOLD else "")))
    for line, earlier in found.twice.items():
        say(_("第 {line} 行与第 {earlier} 行相同，只发一次").format(line=line, earlier=earlier))
    for line, said in found.failed.items():
        say(_("第 {line} 行：{said}").format(line=line, said=said))
    bad = {problem.line for problem in found.problems if problem.line in found.rows} | set(found.failed)
    before = len(found.before) + len(found.sent) - len(new)
    if found.drafts:
        say(_("存成草稿 {count} 份：yizhan draft list").format(count=len(found.drafts)))
    sentence = (
        _("会发出 {new} 行，以前已发过 {before} 行，不能发 {bad} 行，有疑问留下 {kept} 行")
        if dry_run
        else _("发出 {new} 行，以前已发过 {before} 行，不能发 {bad} 行，有疑问留下 {kept} 行")
    )
    count = len(found.good) - len(found.kept_back) if dry_run else len(new)
    say(sentence.format(new=count, before=before, bad=len(bad), kept=len(found.kept_back)))
    if beside is not None:
        say(_("没有发的行和原因：{file}；改好后再导入").format(file=beside))
