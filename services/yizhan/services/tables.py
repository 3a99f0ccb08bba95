"""Tables of events (Excel, CSV): empty ones to be filled in, and filled ones imported row by row.

Rule 1: a bad row names row, column and heading; the others go.
Rule 2: a row that was sent before is not sent again: it is known by its reference, else by its content or its id.
Rule 3: what is doubtful stays back unless somebody confirms it; what goes nevertheless is marked in its payload.
Rule 4: what stayed back can be written to a file of the same columns with the reasons: corrected, it is imported again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from yizhan.producers.columns import PROBLEM_HEADING, column_letters, template_columns
from yizhan.producers.csv_tables import read_csv
from yizhan.producers.doubts import Judgement, judge
from yizhan.producers.drafts import Draft, LineProblem
from yizhan.producers.forms import Field, FieldKind
from yizhan.producers.headings import heading_index, heading_key
from yizhan.producers.numbering import Accepted
from yizhan.producers.outbox import Outbox
from yizhan.producers.proposals import AllianceMap
from yizhan.producers.queries import OutboxQuery
from yizhan.producers.table_files import TableInvalid
from yizhan.producers.table_texts import TableText
from yizhan.producers.tables import BY_CONTENT, BadRow, TableContext, TableReader, TableRow, cell_text
from yizhan.producers.templates import csv_table, heading_in_template, template, workbook
from yizhan.producers.workbooks import WorkbookReader
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.schemas.actions import Action
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import TYPES
from yizhan.services.doubts import EVERY_DOUBT, doubt_sentences, goes_unasked, sender_of
from yizhan.services.drafts import member_names
from yizhan.services.errors import ServiceError
from yizhan.services.files import already_there, write_new
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.labels import error_sentence, short_type, type_name, type_of
from yizhan.services.office import read_office
from yizhan.services.outlines import read_outlines
from yizhan.services.progress import SILENT, Progress
from yizhan.services.stores import open_drafts, open_outbox, scratch_outbox


class ReferenceReused(ServiceError):
    """Two rows of a table have the same reference and different contents."""


class TableMode(StrEnum):
    """What becomes of the good rows."""

    SEND = "send"
    DRY_RUN = "dry_run"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class TableSource:
    """The table to be read."""

    file: str
    type: str | None = None
    """None where the table says."""
    excel: bool = True
    sheet: str | None = None
    """Name of the sheet; the first visible one if None."""
    office: Path | None = None
    """Who answers for what is sent, where a row does not say."""


@dataclass
class TableImport:
    """What a table holds, and what became of it; rows by their number."""

    type: str = ""
    headings: tuple[str, ...] = ()
    good: dict[int, Draft] = field(default_factory=dict)
    rows: dict[int, TableRow] = field(default_factory=dict)
    """As they stood in the table, of those that may stay back."""
    problems: list[LineProblem] = field(default_factory=list)
    unread_sheets: tuple[str, ...] = ()
    text: TableText | None = None
    """How a CSV was decoded and divided."""
    event_ids: dict[int, str] = field(default_factory=dict)
    """Row → id of the event that it was exported from."""
    sent_before: list[int] = field(default_factory=list)
    repeated: dict[int, int] = field(default_factory=dict)
    """Row → the earlier one that says the same."""
    doubtful: dict[int, Judgement] = field(default_factory=dict)
    held_back: list[int] = field(default_factory=list)
    """Doubtful rows that nobody confirmed."""
    sent: dict[int, Accepted] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)
    drafts: list[int] = field(default_factory=list)
    broken: StoreError | None = None
    """What ended the sending before its end."""

    @property
    def empty(self) -> bool:
        """Whether there is no row in it: nothing was asked for, and nothing happened."""
        return not (self.rows or self.problems)

    def going(self) -> dict[int, Draft]:
        """Return row → draft, of those that are not held back."""
        held = set(self.held_back)
        return {line: draft for line, draft in self.good.items() if line not in held}


Confirm = Callable[[TableImport], bool | None]
"""Takes the import with its doubtful rows; returns the answer of a person, None where nobody can be asked."""
Bar = Callable[[int], AbstractContextManager[Progress]]
"""Opens a progress bar for so many rows."""


def write_template(home: Home, type: str, file: str) -> int:
    """Write an empty table of a type, CSV or Excel by the name's ending; return the number of its columns.

    Raises:
        ServiceError: no desk writes events of this type, or the name ends otherwise.
        Conflict, OSError: it cannot be written.
    """
    if type == RECEIPT:
        raise ServiceError(marked("回执由系统自己写，不能填写"), hint=Action.to("inbox.acknowledge"))
    if not file.lower().endswith((".xlsx", ".csv")):
        raise ServiceError(marked("{file} 应以 .xlsx 或 .csv 结尾"), file=file)
    columns = template_columns(type)
    if file.lower().endswith(".csv"):
        made = csv_table([heading_in_template(column) for column in columns], [])
    else:
        made = template(type, type_name(type), columns, member_names(home))
    write_new(file, made)
    return len(columns)


# -- read --


def read_table(home: Home, county: str, source: TableSource, progress: Progress = SILENT) -> TableImport:
    """Read a table into drafts and problems.

    Raises:
        ServiceError: it is no such table, or does not say of which type it is.
        OSError: it cannot be read.
    """
    home.member(county)
    members = member_names(home)
    around = AllianceMap(read_outlines(home, None), frozenset(members), home.charter.policy.border_strip_km)
    context = TableContext(
        county, members, around, read_office(source.office).model_dump(mode="json", exclude_none=True)
    )
    found = TableImport()
    try:
        with open(source.file, "rb") as stream:  # noqa: PTH123 -- the name is shown as it was typed
            book = WorkbookReader(stream, source.sheet) if source.excel else None
            found.unread_sheets = () if book is None else book.unread_sheets
            found.type = source.type or _type_of(book)
            reading = TableReader(found.type, source.file, context)
            rows = _csv_rows(stream, found) if book is None else book.rows()
            for row in _rows(reading, found, rows):
                _take(reading, found, row)
                progress.advance()
    except TableInvalid as error:
        raise ServiceError("{file}: {error}", file=source.file, error=error, hint=error.hint) from None
    return found


def _csv_rows(stream: BinaryIO, found: TableImport) -> Iterator[TableRow]:
    known = heading_index(found.type)
    table = read_csv(stream, lambda heading: heading_key(heading) in known)
    found.text = table.source
    return table.rows


def _type_of(book: WorkbookReader | None) -> str:
    """Return the type that a workbook names (a template and an export do)."""
    found = None
    if book is not None:
        found = book.subject if book.subject in TYPES else type_of(book.title)
    if not found:
        raise ServiceError(marked("看不出这是哪一类事件的表格；请在文件名后写明 TYPE，如 forest_fire"))
    return found


def _rows(reading: TableReader, found: TableImport, rows: Iterator[TableRow]) -> Iterator[TableRow]:
    """Take the headings; the rows after them, or none where the headings make sense of no row."""
    first = next(rows, None)
    if first is None:
        hint = Action.to("table.write_template", type=short_type(found.type))
        raise ServiceError(marked("表格是空的：第一行应为表头"), hint=hint)
    found.problems += reading.take_headings(first)
    found.headings = reading.headings
    if reading.usable():
        yield from rows


def _take(reading: TableReader, found: TableImport, row: TableRow) -> None:
    draft = reading.row(row)
    if draft is None:
        return
    found.rows[row.number] = row
    if isinstance(draft, BadRow):
        found.problems += draft.problems
        return
    found.good[row.number] = draft
    if event_id := reading.event_id(row):
        found.event_ids[row.number] = event_id


# -- judged, confirmed, sent --


def import_table(
    home: Home,
    county: str,
    found: TableImport,
    mode: TableMode,
    confirm: Confirm,
    passphrases: PassphraseSource,
    bar: Bar,
) -> None:
    """Send the good rows of a table, or store them as drafts; ``found`` says what became of them.

    Nobody need be asked about drafts: they are when they are sent.

    Raises:
        NoKey: there is no signing key (only where rows are sent).
        StoreError: the outbox cannot be used. One that fails while sending is ``found.broken``.
    """
    if not found.good:
        return
    with (
        open_outbox(home, county, passphrases)
        if mode is TableMode.SEND
        else scratch_outbox(home, county, home.charter, utc_now())
    ) as outbox:
        _judge(home, outbox, found)
        if found.doubtful:
            answer, later = confirm(found), mode is TableMode.DRAFT
            found.held_back = [
                line
                for line, judged in sorted(found.doubtful.items())
                if not (goes_unasked(judged, forced=later, holding=EVERY_DOUBT) if answer is None else answer)
            ]
        if mode is TableMode.SEND:
            _send(outbox, found, bar)
    if mode is TableMode.DRAFT:
        _store_drafts(home, county, found)


def _judge(home: Home, outbox: Outbox, found: TableImport) -> None:
    """Sort out what was sent before or stands twice, and judge the rest."""
    sent = {row.external_ref for row in outbox.rows(OutboxQuery(type=found.type))}
    sender = sender_of(home, outbox.county)
    seen: dict[str, tuple[int, Draft]] = {}
    for line, draft in list(found.good.items()):
        reference = draft.external_ref or ""
        if reference.startswith(BY_CONTENT) and (reference in sent or line in found.event_ids):
            found.sent_before.append(line)
            del found.good[line]
        elif reference and reference in seen:
            earlier, other = seen[reference]
            if draft == other:
                found.repeated[line] = earlier
            else:
                sentence = marked("接警单号/案件编号 {ref} 与第 {earlier} 行相同，内容不同；请改正编号")
                found.failed[line] = ReferenceReused(sentence, ref=reference, earlier=earlier)
            del found.good[line]
        else:
            seen[reference] = line, draft
            judged = judge(draft, sender)
            found.good[line] = judged.draft
            if judged.doubts and reference not in sent:
                found.doubtful[line] = judged


def _send(outbox: Outbox, found: TableImport, bar: Bar) -> None:
    going = found.going()
    with bar(len(going)) as progress:
        try:
            for line, result in zip(going, outbox.publish_many(going.values()), strict=True):
                if isinstance(result, Exception):
                    found.failed[line] = result
                else:
                    found.sent[line] = result
                progress.advance()
        except StoreError as error:
            found.broken = error


def _store_drafts(home: Home, county: str, found: TableImport) -> None:
    """Store every row as a draft, but for those that are one already."""
    with open_drafts(home, county) as store:
        stored = {each.content.get("external_ref") for each in store.all()}
        for line, draft in found.good.items():
            if draft.external_ref is not None and draft.external_ref in stored:
                found.sent_before.append(line)
                continue
            store.begin(draft.model_dump(mode="json", exclude_none=True), utc_now())
            found.drafts.append(line)


# -- what stayed back --


def check_free(name: str | None) -> None:
    """Raise ``Conflict`` where a file for the rows that stay back would be overwritten."""
    if name is not None and Path(name).exists():
        raise already_there(name)


def write_rejects(home: Home, found: TableImport, file: str, name: str | None) -> str | None:
    """Write the rows that stayed back as they stood in the table, with the reasons in a last column.

    Returns:
        The file's name; None where no row stayed back.

    Args:
        home: whose words the reasons are in.
        found: the import.
        file: the table's own; a free name beside it is used where ``name`` is None.
        name: of the file to be written.

    Raises:
        Conflict, OSError: it cannot be written.
    """
    reasons = _reject_reasons(home, found)
    if not reasons:
        return None
    width = max(max(found.rows[line].cells) + 1 for line in reasons)
    names = [*found.headings, *[""] * width][: max(width, len(found.headings))]
    # A heading that stands twice would be one column: the second gets its letter.
    names = [each if each and each not in names[:n] else f"{each}{column_letters(n)}" for n, each in enumerate(names)]
    troubles = {PROBLEM_HEADING, _(PROBLEM_HEADING)}
    headings = [each for each in names if each not in troubles] + [_(PROBLEM_HEADING)]
    rows = [
        {names[n]: _cell(cell.value) for n, cell in found.rows[line].cells.items() if cell.value is not None}
        | {_(PROBLEM_HEADING): "\n".join(sentences)}
        for line, sentences in reasons.items()
    ]
    target = name or _free_name(file)
    as_csv = target.lower().endswith(".csv")
    made = csv_table(headings, rows) if as_csv else workbook(found.type, {_(PROBLEM_HEADING): (headings, rows)})
    write_new(target, made, 0o600)
    return target


def _reject_reasons(home: Home, found: TableImport) -> dict[int, list[str]]:
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


def _cell(value: Any) -> str | int | float:  # noqa: ANN401 -- whatever a cell held
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return cell_text(value, Field("", "", FieldKind.MOMENT))


def _free_name(file: str) -> str:
    """Return the name of a file beside another that is not there yet: ``day.bad.xlsx``, ``day.bad2.xlsx``."""
    whole = Path(file)
    stem = re.sub(r"\.bad[0-9]*$", "", whole.stem)
    ending = ".csv" if whole.suffix.lower() == ".csv" else ".xlsx"
    n = 1
    while (free := whole.with_name(f"{stem}.bad{n if n > 1 else ''}{ending}")).exists():
        n += 1
    return str(free)
