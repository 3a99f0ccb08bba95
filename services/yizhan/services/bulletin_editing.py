"""The text of a bulletin, edited at a desk: every change is kept at once, and two editors lose nothing.

The text is the file that ``yizhan bulletin edit`` writes, too; what was changed there is the newest version here.

Rule 1: whoever saves names the text that he saw, by its token; where it is another one now, nothing is stored
        (``TextChanged``, which has the other one). The same text again changes nothing.
Rule 2: what cannot be printed yet (the name of no figure) is kept all the same; the file is written once it can be.
Rule 3: a number typed by hand is asked about; the answer is kept with the text.
Rule 4: where the figures changed since, the text stays one for the old ones until an officer says that he read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from yizhan.bulletin.errors import TextInvalid
from yizhan.bulletin.figure_list import NamedFigure, named_figures
from yizhan.bulletin.material import Material
from yizhan.bulletin.text import Writing, blank, changed, parse, written
from yizhan.bulletin.text_fields import MOST_CHARACTERS, clean_text, fields_of, writing_of
from yizhan.bulletin.text_store import (
    FILE,
    BulletinRow,
    BulletinState,
    BulletinText,
    BulletinTexts,
    BulletinTextsView,
    TextVersion,
)
from yizhan.bulletin.typed_numbers import TypedNumber, typed_numbers
from yizhan.producers.draft_rows import DraftState, StoredDraft
from yizhan.runtime.access_log import How
from yizhan.runtime.folders import private_file, sync_folder
from yizhan.runtime.store import transaction
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import SOURCE_LANGUAGE, Sentence, marked, speaking
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import written as written_time
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.bulletin_reading import BulletinKey, QuarterReading, material_of, read_bulletin, text_path
from yizhan.services.bulletins import BulletinCheck, bulletin_forms, check_of
from yizhan.services.errors import Conflict, ServiceError
from yizhan.services.home import Home
from yizhan.services.quarters import partner_of
from yizhan.services.queue import queued
from yizhan.services.stores import read_drafts

STAGES: Final = ("writing", "review", "queued", "refused", "issued")
FORMS: Final = ("pdf", "docx", "html", "csv", "letters", "json")
"""What a bulletin can be downloaded as; ``letters`` is the table of the events."""


class TextChanged(Conflict):
    """Another text is there than the one that the editor saw: ``current``, and ``mine`` that was not stored."""

    def __init__(self, current: TextVersion, mine: BulletinText) -> None:
        """Keep both."""
        super().__init__(marked("别人刚改过这份文字，您的没有存；两份都在下面，请选一份或合并后再存"))
        self.current, self.mine = current, mine


@dataclass(frozen=True, slots=True)
class BulletinEditor:
    """A bulletin as an editor sees it.

    ``stage`` is one of ``STAGES``; ``version`` the text as it is kept (number 0: nobody wrote one yet); ``notes`` what
    of the figures changed since it was written; ``numbers`` were typed by hand and not answered for; ``problem`` is why
    the text cannot be printed; ``draft`` what was queued and is not sent; ``editors`` are badge numbers.
    """

    reading: QuarterReading
    stage: str
    row: BulletinRow
    version: TextVersion
    material: Material
    check: BulletinCheck
    figures: tuple[NamedFigure, ...]
    notes: tuple[Sentence, ...]
    numbers: tuple[TypedNumber, ...]
    problem: TextInvalid | None
    office: Mapping[str, object] = field(hash=False)
    editors: frozenset[str]
    draft: StoredDraft | None = None

    @property
    def key(self) -> BulletinKey:
        """Which bulletin."""
        return self.reading.key

    @property
    def text(self) -> BulletinText:
        """The text as it is kept."""
        return self.version.text

    @property
    def editable(self) -> bool:
        """Whether the text may be changed now."""
        return self.stage == "writing"

    @property
    def closed(self) -> bool:
        """Whether the station closed the quarter for this county, so that it can be signed."""
        return self.material.proof.closed(self.key.county)


def bulletin_key(home: Home, county: str, label: str, partner: str | None) -> BulletinKey:
    """Return which bulletin is meant (``NotFound`` for no quarter or no member; ``ServiceError`` as ``partner_of``)."""
    try:
        Quarter.parse(label)
    except ValueError:
        raise NotFound(marked("“{label}”不是季度；应写成 2026Q3 这样"), label=label[:40]) from None
    return BulletinKey(label, county, partner_of(home, county, partner))


# -- reading --


def open_editor(home: Home, key: BulletinKey, actor: Actor, now: datetime, how: How = "opened") -> BulletinEditor:
    """Return a bulletin to be edited or read."""
    editor = read_editor(home, key, now)
    record(home, key.county, actor, how, [f"{key.label} {key.partner}"])
    return editor


def read_editor(home: Home, key: BulletinKey, now: datetime, reading: QuarterReading | None = None) -> BulletinEditor:
    """Return a bulletin as it stands; the caller writes the access log."""
    found = read_bulletin(home, key) if reading is None else reading
    with texts_view(home, key.county) as texts:
        row, editors = texts.row(key.label, key.partner), texts.editors(key.label, key.partner)
        version, writing, problem = current_text(home, texts, found)
    material: Material | None = None
    notes: tuple[Sentence, ...] = ()
    if problem is None:
        try:
            shown = writing_of(version.text, writing)
            material = material_of(home, found, shown, now)
            notes = () if writing is None else changed(shown, found.figures)
        except TextInvalid as error:
            problem = error
    if material is None:
        material = material_of(home, found, None, now)
    draft = queued_draft(home, key.county, row)
    names = {code: home.localized(member.name) for code, member in home.charters.latest().members.items()}
    figures = named_figures(found.figures, names)
    numbers = tuple(_unanswered(version.text, figures))
    office = row.office or _last_office(home, key.county)
    stage = stage_of(row, draft, signed=found.ours is not None)
    return BulletinEditor(
        found, stage, row, version, material, check_of(found), figures, notes, numbers, problem, office, editors, draft
    )


def queued_draft(home: Home, county: str, row: BulletinRow) -> StoredDraft | None:
    """Return the draft that was queued of a bulletin, until it is sent."""
    if row.state is not BulletinState.QUEUED:
        return None
    return next((each for each in queued(home, county) if each.n == row.draft), None)


def stage_of(row: BulletinRow, draft: StoredDraft | None, *, signed: bool) -> str:
    """Return how far a bulletin is (``STAGES``); ``signed``: one that stands is in the outbox."""
    if signed:
        return "issued"
    if row.state is not BulletinState.QUEUED:
        return row.state.value
    if draft is None:  # it was sent and withdrawn since, or an officer dropped it
        return "writing"
    return "refused" if draft.state is DraftState.REFUSED else "queued"


def current_text(
    home: Home, texts: BulletinTextsView, reading: QuarterReading
) -> tuple[TextVersion, Writing | None, TextInvalid | None]:
    """Return the newest text, what its file says, and why that cannot be read.

    A file that was changed on the command line is the newest version, by nobody.
    """
    key = reading.key
    kept, path = texts.newest(key.label, key.partner), text_path(home, key)
    data = _bytes_of(path)
    name = "" if data is None else hashlib.sha256(data).hexdigest()
    n, stay = (0, ()) if kept is None else (kept.n, kept.text.kept)
    try:
        writing = None if data is None else parse(data)
    except TextInvalid as error:
        problem = TextInvalid("{path}: {error}", path=path, error=error)
        empty = TextVersion(0, "", None, BulletinText(), name)
        return (empty if kept is None else replace(kept, file=name)), None, problem
    if kept is not None and (name == kept.file or data is None):
        return kept, writing, None
    if writing is None or data is None:
        with speaking(SOURCE_LANGUAGE):  # the same proposal, and token, for whoever looks
            return TextVersion(0, "", None, fields_of(blank(reading.figures)), ""), None, None
    fresh = fields_of(writing, stay)
    if kept is not None and fresh.token == kept.text.token:  # only the program's own lines are others
        return replace(kept, file=name), writing, None
    changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return TextVersion(n + 1, written_time(changed_at), None, fresh, name), writing, None


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _unanswered(text: BulletinText, figures: tuple[NamedFigure, ...]) -> Iterator[TypedNumber]:
    for section, words in (*text.passages.items(), *(text.cases or {}).items()):
        for each in typed_numbers(section, words, figures):
            if (section, each.text) not in text.kept:
                yield each


def _last_office(home: Home, county: str) -> dict[str, object]:
    """Propose organisation and contact as they were in the last event that was sent."""
    with read_drafts(home, county) as drafts:
        office = {} if drafts is None else drafts.office()
    return {name: office[name] for name in ("org_code", "contact") if name in office}


@contextlib.contextmanager
def texts_view(home: Home, county: str) -> Iterator[BulletinTextsView]:
    """Open the texts of a county's bulletins to read."""
    with BulletinTextsView(home.county_folder(county) / FILE) as texts:
        yield texts


@contextlib.contextmanager
def changing_texts(home: Home, county: str) -> Iterator[BulletinTexts]:
    """Open the texts of a county's bulletins in a transaction: one editor at a time."""
    with BulletinTexts(home.county_folder(county) / FILE) as texts, transaction(texts.conn):
        yield texts


# -- writing --


def save_text(
    home: Home,
    key: BulletinKey,
    text: BulletinText,
    seen: str,
    actor: Actor,
    now: datetime,
    *,
    read_again: bool = False,
) -> BulletinEditor:
    """Keep what an officer wrote; return the bulletin as it is now.

    Args:
        home: of the installation.
        key: which bulletin.
        text: its fields, as they came.
        seen: token of the text that the officer changed.
        actor: with the officer.
        now: the time of the version.
        read_again: the officer read the text beside the figures as they are now.

    Raises:
        TextChanged: see rule 1.
        Conflict: it is in review, queued or issued.
        ServiceError: a field is too long; nothing is stored.
    """
    mine = _checked(text)
    reading = read_bulletin(home, key)
    with changing_texts(home, key.county) as texts:
        row = texts.row(key.label, key.partner)
        require_editable(stage_of(row, queued_draft(home, key.county, row), signed=reading.ours is not None))
        version, writing, _problem = current_text(home, texts, reading)
        if mine.token != version.text.token:
            if seen != version.text.token:
                raise TextChanged(version, mine)
            _keep_imported(texts, key, version)
            version = TextVersion(version.n + 1, written_time(now), actor.officer, mine, version.file)
            version = _written(home, reading, version, writing, read_again=read_again)
            texts.add(key.label, key.partner, version)
        elif read_again:
            _keep_imported(texts, key, version)
            again = _written(home, reading, version, writing, read_again=True)
            texts.add(key.label, key.partner, replace(again, at=written_time(now), by=actor.officer))
        if row.state is BulletinState.QUEUED:
            texts.move(key.label, key.partner, replace(row, state=BulletinState.WRITING, draft=None), now)
    editor = read_editor(home, key, now, reading)
    record(home, key.county, actor, "opened", [f"{key.label} {key.partner}"])
    return editor


def require_editable(stage: str) -> None:
    """Raise ``Conflict`` unless the text may be changed."""
    sentences = {
        "review": marked("这一期已经送审，不能再改；请先收回"),
        "queued": marked("这一期已经签发，正在发出，不能再改"),
        "refused": marked("这一期签发后没有发出；请先退回起草"),
        "issued": marked("这一期已经签发；要改，请先撤回已发的，再重新起草"),
    }
    if stage in sentences:
        raise Conflict(sentences[stage])


def _checked(text: BulletinText) -> BulletinText:
    for words in (*text.passages.values(), *(text.cases or {}).values()):
        if len(words) > MOST_CHARACTERS:
            sentence = marked("一栏最多 {most} 字，这一栏有 {count} 字，没有存；请删减")
            raise ServiceError(sentence, most=MOST_CHARACTERS, count=len(words))
    return clean_text(text.passages, text.cases, text.kept)


def _keep_imported(texts: BulletinTexts, key: BulletinKey, version: TextVersion) -> None:
    """Keep what was written on the command line as a version of its own, before another follows it."""
    newest = texts.newest(key.label, key.partner)
    if version.by is None and version.n > (0 if newest is None else newest.n):
        texts.add(key.label, key.partner, version)


def _written(
    home: Home, reading: QuarterReading, version: TextVersion, before: Writing | None, *, read_again: bool
) -> TextVersion:
    """Write the file; what cannot be printed yet leaves it as it is (rule 2)."""
    writing = writing_of(version.text, before)
    with contextlib.suppress(TextInvalid):
        unread = before is not None and bool(changed(before, reading.figures)) and not read_again
        data = written(writing, reading.figures, unread=unread)
        _replace_file(text_path(home, reading.key), data)
        return replace(version, file=hashlib.sha256(data).hexdigest())
    return version


def _replace_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    with private_file(new) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


# -- to carry away --


def bulletin_file(home: Home, key: BulletinKey, form: str, actor: Actor, now: datetime) -> bytes:
    """Return a bulletin as a file of one of ``FORMS``.

    Raises:
        NotFound: there is no such form.
        TextInvalid: the text cannot be printed.
        ServiceError: this machine cannot set it.
    """
    if form not in FORMS:
        raise NotFound(marked("通报没有这种文件"))
    editor = read_editor(home, key, now)
    if editor.problem is not None:
        raise editor.problem
    record(home, key.county, actor, "exported", [f"{key.label} {key.partner} {form}"])
    try:
        return bulletin_forms(editor.material, None, now.replace(microsecond=0))[0][form]()
    except ModuleNotFoundError as error:
        sentence = marked("这台机器没有装排版的程序（{name}），不能做成文件；请管理系统的人装上")
        raise ServiceError(sentence, name=error.name) from None
