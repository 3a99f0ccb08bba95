"""Writing: the types that there are, a draft as one form, each answer stored when its field is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.form_view import form_view
from yizhan.desk.pages.duty import icon_of
from yizhan.desk.request import Ask, Page
from yizhan.producers.draft_rows import EDITABLE, DraftState, StoredDraft
from yizhan.schemas.errors import NotFound, YizhanError
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import SYSTEM, types_called
from yizhan.services.drafts import NewDraft, drop_draft, find_draft, list_drafts
from yizhan.services.errors import ServiceError
from yizhan.services.form_faults import sheet_state
from yizhan.services.form_sheet import Answer, FormSheet, SameFieldChanged, begin_sheet, open_sheet
from yizhan.services.form_text import draft_note, note_lines, summary_of
from yizhan.services.labels import error_sentence, short_type, type_name
from yizhan.services.queue import last_sent, result_of
from yizhan.services.uploads import list_uploads

WRITERS: Final = OFFICE
_WHEN: Final[Mapping[str, str]] = {
    "incident.forest_fire": marked("界边起火、火势有变、火已扑灭"),
    "incident.hotspot": marked("卫星看到的热点，待核查或已核查"),
    "incident.natural_disaster": marked("山洪、滑坡、台风等，殃及或可能殃及对方"),
    "incident.eco_crime": marked("盗伐、盗猎、非法采矿等跨界案件"),
    "liaison.contact": marked("每月一次的联系记录"),
    "liaison.consultation": marked("会商的通知、纪要和议定事项"),
    "intelligence.report": marked("线索、动态，请对方留意或核查"),
    "intelligence.feedback": marked("对收到的情报的核查结果"),
    "intelligence.bulletin": marked("季度通报；在“通报”页起草更方便"),
    "patrol.plan": marked("联合巡护的安排，请对方会签"),
    "patrol.report": marked("巡护走了哪里、看到什么、清除什么"),
    "dispute.case": marked("林权争议的受理、进展和结果"),
    "assistance.request": marked("请对方协助调查、送达、找人、扣押"),
    "assistance.response": marked("对协作请求的中间或最后答复"),
    "outreach.campaign": marked("联合宣传活动的安排和结果"),
    "outreach.case_brief": marked("可以公开的案例，隐去身份"),
    "notice": marked("一句话告知对方，不是报警"),
}
"""Middle name of a type → when it is used; a type that stands not here is shown by its name."""


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One line of the list of drafts."""

    n: int
    type: str
    icon: str
    state: DraftState
    summary: str
    note: str
    author: str
    changed: str


# -- a type is chosen --


def new(ask: Ask) -> Response:
    """Show the types as cards, by the mechanisms of the agreement."""
    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for name, row in TYPES.items():
        if name != RECEIPT:
            middle = name.removeprefix("yizhan.").removesuffix(".v1")
            words = _(_WHEN[middle]) if middle in _WHEN else ""
            mechanism = marked("一句话") if row.mechanism == SYSTEM else row.mechanism
            groups.setdefault(mechanism, []).append((short_type(name), icon_of(name), type_name(name), words))
    return ask.page("new.html", groups=groups)


def begin(ask: Ask) -> Response:
    """Begin a draft of a type, perhaps one that answers, continues, corrects or withdraws an event."""
    if ask.request.method == "HEAD" or "prefetch" in ask.request.headers.get("Sec-Purpose", ""):
        return ask.see("/new")  # nobody has chosen it yet
    found = types_called(ask.path["type"])
    if len(found) != 1:
        raise NotFound(marked("没有名为 {type} 的类型；请在“拟写”页选一种"), type=ask.path["type"][:60])
    given = {name: ask.query.get(name) or None for name in ("reply_to", "updates", "supersedes", "withdraws")}
    request = NewDraft(found[0], exercise=ask.query.get("exercise") == "1", **given)
    n = begin_sheet(ask.desk.home, ask.desk.county, request, ask.actor("draft new"))
    return ask.see(f"/drafts/{n}")


# -- a draft is written --


def draft(ask: Ask) -> Response:
    """Show a draft as a form; one that is on its way, as it goes."""
    desk, n = ask.desk, number(ask)
    found = _found(ask, n)
    if found is None:
        return ask.page("draft_sent.html", n=n, sent=result_of(desk.home, desk.county, n))
    if found.state not in EDITABLE:
        return ask.see(f"/drafts/{n}/preview")
    with open_sheet(desk.home, desk.county, n) as sheet:
        return ask.page("draft.html", draft=found, note=draft_note(found), **_form(ask, sheet))


def form_part(ask: Ask) -> Response:
    """Show the form of a draft alone, where other questions are asked now."""
    with open_sheet(ask.desk.home, ask.desk.county, number(ask)) as sheet:
        return ask.page("draft_form.html", **_form(ask, sheet))


def _found(ask: Ask, n: int) -> StoredDraft | None:
    """Return a draft; None where it was sent."""
    try:
        return find_draft(ask.desk.home, ask.desk.county, n)
    except NotFound:
        if result_of(ask.desk.home, ask.desk.county, n) is None:
            raise
        return None


def _form(ask: Ask, sheet: FormSheet) -> dict[str, Any]:
    view, state = form_view(sheet), sheet_state(ask.desk.home, sheet)
    said: dict[str, list[str]] = {}
    for fault in state.faults:
        if not fault.missing or ask.query.get("check"):
            said.setdefault(fault.name, []).append(fault.sentence)
    doubts = {each.name: each.sentence for each in state.doubts}
    files = list_uploads(ask.desk.home, ask.desk.county, sheet.n) if view.files else ()
    return {
        "sheet": sheet, "view": view, "state": state, "said": said, "doubted": doubts, "files": files,
        "stage": sheet.content.get("stage"),
    }  # fmt: skip


def enter(ask: Ask) -> Response:
    """Store one answer; say what is wrong or doubtful now, and what follows from it."""
    desk, form = ask.desk, ask.form
    seen = ask.values("seen") if "seen" in form else None
    if seen == ("",):
        seen = ()
    more = {name: value for name, value in form.items() if name in {"datum", "subject", "worse", "grade_basis"}}
    answer = Answer(form.get("name", ""), ask.values("value"), _whole(form.get("version")), seen, more)
    try:
        with open_sheet(desk.home, desk.county, number(ask)) as sheet:
            merged = sheet.version != answer.version
            notes = [line for note in sheet.enter(answer) for line in note_lines(note, sheet.context.members)]
            return _state(ask, sheet, notes, merged=merged)
    except SameFieldChanged as error:
        said = {"sentence": error_sentence(error), "name": error.name, "theirs": error.theirs, "version": error.version}
        return JSONResponse(said, 409)
    except YizhanError as error:
        return JSONResponse({"sentence": error_sentence(error)}, 404 if isinstance(error, NotFound) else 409)


def rows(ask: Ask) -> Response:
    """Add an empty row to a list, or take one out."""
    with open_sheet(ask.desk.home, ask.desk.county, number(ask)) as sheet:
        if "remove" in ask.form:
            sheet.remove_row(ask.form["remove"])
        else:
            sheet.add_row(ask.form.get("add", ""))
        return _state(ask, sheet, [])


def _state(ask: Ask, sheet: FormSheet, notes: list[str], *, merged: bool = False) -> Response:
    view, state = form_view(sheet), sheet_state(ask.desk.home, sheet)
    stored = find_draft(ask.desk.home, ask.desk.county, sheet.n)
    return JSONResponse(
        {
            "version": sheet.version,
            "merged": merged,
            "saved": ask.desk.home.local_time(stored.changed)[11:],
            "shape": view.shape,
            "values": {name: sheet.values(name) for name in view.names()},
            "faults": [[each.name, each.sentence] for each in state.faults if not each.missing],
            "doubts": [[each.name, each.sentence] for each in state.doubts],
            "notes": notes,
            "aside": ask.render("draft_aside.html", sheet=sheet, state=state, view=view),
            "grade": ask.render("draft_grade.html", sheet=sheet, state=state) if view.graded else "",
        }
    )


def drop(ask: Ask) -> Response:
    """Drop a draft with its files."""
    drop_draft(ask.desk.home, ask.desk.county, number(ask))
    return ask.see("/drafts")


def drafts(ask: Ask) -> Response:
    """List the drafts, those that wait for somebody first."""
    order = {"review": 0, "refused": 1, "writing": 2, "queued": 3}
    found = sorted(list_drafts(ask.desk.home, ask.desk.county), key=lambda each: (order[each.state], -each.n))
    sent = last_sent(ask.desk.home, ask.desk.county)
    return ask.page("drafts.html", drafts=[draft_row(each) for each in found], sent=sent)


def draft_row(each: StoredDraft) -> DraftRow:
    """Return a draft as a list shows it."""
    author = "" if each.author is None else each.author.name
    summary, note = summary_of(each.content), draft_note(each)
    return DraftRow(each.n, each.type, icon_of(each.type), each.state, summary, note, author, each.changed)


# -- small things --


def number(ask: Ask) -> int:
    """Return the number of the draft that the address names (``NotFound``)."""
    text = ask.path["n"]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 -- digits
        raise NotFound(marked("没有这份草稿"))
    return int(text)


def _whole(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdecimal():
        raise ServiceError(marked("这一页太旧了，请重新打开草稿"))
    return int(text[:9])


PAGES = (
    Page("/new", new, WRITERS),
    Page("/new/{type}", begin, WRITERS),
    Page("/drafts", drafts, WRITERS),
    Page("/drafts/{n}", draft, WRITERS),
    Page("/drafts/{n}/form", form_part, WRITERS),
    Page("/drafts/{n}/fields", enter, WRITERS, methods=("POST",)),
    Page("/drafts/{n}/rows", rows, WRITERS, methods=("POST",)),
    Page("/drafts/{n}/drop", drop, WRITERS, methods=("POST",)),
)
