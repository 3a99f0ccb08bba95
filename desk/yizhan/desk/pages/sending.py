"""A draft on its way out: shown as it goes, submitted, approved, given back, sent. Nothing is sealed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from yizhan.desk.accounts.model import Role
from yizhan.desk.pages.drafts import WRITERS, number
from yizhan.desk.request import Ask, Page
from yizhan.producers.draft_rows import EDITABLE, DraftState, StoredDraft
from yizhan.schemas.errors import NotFound, YizhanError
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.policy import Way
from yizhan.services.draft_preview import DraftPreview, preview_draft
from yizhan.services.drafts import DraftUnfinished, check_draft, find_draft, judge_draft, member_names
from yizhan.services.errors import Conflict, ServiceError
from yizhan.services.form_faults import sheet_state
from yizhan.services.form_sheet import open_sheet
from yizhan.services.form_text import draft_note, draft_rows
from yizhan.services.labels import arrival, error_sentence
from yizhan.services.obligation_text import rule_name
from yizhan.services.queue import approve_draft, queue_draft, result_of, return_draft, submit_for_review, take_back

APPROVERS = frozenset({Role.LEADER})


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets it, how, and why."""

    county: str
    way: str
    alarm: bool
    rule: str
    because: str


def preview(ask: Ask) -> Response:
    """Show exactly what goes, to whom and by which rule."""
    return _page(ask)


def _page(ask: Ask, status: int = 200, error: str = "") -> Response:
    desk, n = ask.desk, number(ask)
    try:
        found = preview_draft(desk.home, desk.county, n)
    except NotFound:
        if (sent := result_of(desk.home, desk.county, n)) is None:
            raise
        return ask.page("draft_sent.html", n=n, sent=sent)
    if found.draft.state in EDITABLE and _unfinished(ask, n):
        return ask.see(f"/drafts/{n}?check=1")
    return ask.page("draft_preview.html", status, error=error, **_shown(ask, found))


def _unfinished(ask: Ask, n: int) -> bool:
    with open_sheet(ask.desk.home, ask.desk.county, n) as sheet:
        sheet.drop_empty_rows()
        return not sheet_state(ask.desk.home, sheet).sendable


def _shown(ask: Ask, found: DraftPreview) -> dict[str, Any]:
    home, draft, account = ask.desk.home, found.draft, ask.account
    recipients = [
        Recipient(code, arrival(each.way), each.way is Way.ALARM, each.rule, home.localized(each.because))
        for code, each in found.decisions.items()
    ]
    names = [join_list(home.member_name(code) for code in each.owes) for each in found.owed]
    owed = [(rule_name(home, each.rule), who, each) for who, each in zip(names, found.owed, strict=True)]
    mine = draft.author is not None and draft.author.badge == account.badge
    reviewed = home.settings.desk_requires_approval and draft.type != NOTICE
    return {
        "found": found, "draft": draft, "recipients": recipients, "owed": owed, "state": draft.state,
        "note": draft_note(draft),
        "rows": draft_rows(draft.type, draft.content, member_names(home)),
        "refused": "" if found.refused is None else error_sentence(found.refused),
        "may_send": not reviewed, "may_approve": bool(account.roles & APPROVERS) and not mine,
    }  # fmt: skip


# -- what an officer does with it --


def submit(ask: Ask) -> Response:
    """Submit a draft to another officer."""
    home, county, actor = ask.desk.home, ask.desk.county, ask.actor("draft submit")
    return _done(ask, lambda n, version: submit_for_review(home, county, n, actor, version))


def send(ask: Ask) -> Response:
    """Queue a draft; every doubt must have been answered."""
    home, county, actor = ask.desk.home, ask.desk.county, ask.actor("draft send")
    return _done(ask, lambda n, version: queue_draft(home, county, n, actor, version, confirmed=_confirmed(ask, n)))


def approve(ask: Ask) -> Response:
    """Approve a draft in review (签发), which queues it."""
    home, county, actor = ask.desk.home, ask.desk.county, ask.actor("draft approve")
    return _done(ask, lambda n, version: approve_draft(home, county, n, actor, version, confirmed=_confirmed(ask, n)))


def give_back(ask: Ask) -> Response:
    """Give a draft in review back to its author, with a remark."""
    remark = ask.form.get("remark", "").strip()
    if not remark:
        return _page(ask, 400, error_sentence(ServiceError(marked("退回要写明请拟稿人改什么"))))
    home, county, actor = ask.desk.home, ask.desk.county, ask.actor("draft return")
    return _done(ask, lambda n, version: return_draft(home, county, n, actor, remark[:400], version))


def take(ask: Ask) -> Response:
    """Take a draft back that is in review or queued, to go on writing."""
    return _done(ask, lambda n, version: take_back(ask.desk.home, ask.desk.county, n, version))


def _done(ask: Ask, act: Callable[[int, int], StoredDraft]) -> Response:
    n, version = number(ask), ask.form.get("version", "")
    if not (version.isascii() and version.isdecimal()):
        raise ServiceError(marked("这一页太旧了，请重新打开草稿"))
    try:
        moved = act(n, int(version[:9]))
    except DraftUnfinished:
        return ask.see(f"/drafts/{n}?check=1")
    except NotFound:
        if result_of(ask.desk.home, ask.desk.county, n) is None:
            raise
        return ask.see(f"/drafts/{n}")  # it has been sent meanwhile
    except YizhanError as error:
        return _page(ask, 409 if isinstance(error, Conflict) else 400, error_sentence(error))
    return ask.see(f"/drafts/{n}" if moved.state is DraftState.WRITING else f"/drafts/{n}/preview")


def _confirmed(ask: Ask, n: int) -> bool:
    """Return whether there are doubts that the officer has answered, each (``ServiceError``: not all)."""
    home, county = ask.desk.home, ask.desk.county
    draft, _faults = check_draft(find_draft(home, county, n).content)
    doubts = set() if draft is None else {each.value for each in judge_draft(home, county, draft).doubts}
    if not doubts <= set(ask.values("doubt")):
        raise ServiceError(marked("还有疑问没有确认：请逐项看过、打勾，或回去改正"))
    return bool(doubts)


PAGES = (
    Page("/drafts/{n}/preview", preview, WRITERS),
    Page("/drafts/{n}/review", preview, APPROVERS),
    Page("/drafts/{n}/submit", submit, WRITERS, methods=("POST",)),
    Page("/drafts/{n}/send", send, WRITERS, methods=("POST",)),
    Page("/drafts/{n}/approve", approve, APPROVERS, methods=("POST",)),
    Page("/drafts/{n}/return", give_back, APPROVERS, methods=("POST",)),
    Page("/drafts/{n}/take-back", take, WRITERS, methods=("POST",)),
)
