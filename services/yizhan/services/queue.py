"""Drafts on their way out, for a face that has no key: written, reviewed, queued; ``outbox run`` seals what is queued.

::

    writing ──submit_for_review──► review ──queue_draft (another officer)──► queued ──► sent: the row is gone
       ▲  └──────queue_draft─────────────────────────────────────────────────►┘ └──► refused, with the reason; is edited
       └──return_draft, take_back────┘

Rule 1: whoever acts names the version of the draft that he saw; where it is another one now, nothing changes
        (``Conflict``). A request that is repeated changes nothing.
Rule 2: a draft is checked in full before it is submitted or queued, and again when it is sealed.
Rule 3: where the settings require approval, the officer who approves is not the one who submitted. What a person
        writes in a notice (an answer, a link, a decision that is done) goes without.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from yizhan.producers import forms
from yizhan.producers.draft_rows import EDITABLE, DraftState, SentRecord, StoredDraft
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.file_sealing import check_count
from yizhan.runtime.clock import utc_now
from yizhan.runtime.wakeup import notify
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import Actor
from yizhan.services.doubts import goes_unasked
from yizhan.services.drafts import DraftHeld, DraftUnfinished, check_draft, find_draft, judge_draft
from yizhan.services.errors import Conflict, ServiceError, draft_changed
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts, queue_wakeup, read_drafts

_WAITING: Final = frozenset({DraftState.REVIEW, DraftState.QUEUED})


class NeedsApproval(ServiceError):
    """A draft that another officer has to approve before it goes."""


# -- what there is --


def queued(home: Home, county: str) -> tuple[StoredDraft, ...]:
    """List the drafts that are in review, queued or refused, the oldest first."""
    with read_drafts(home, county) as drafts:
        found = () if drafts is None else drafts.all()
    return tuple(each for each in found if each.state is not DraftState.WRITING)


def result_of(home: Home, county: str, n: int) -> SentRecord | None:
    """Return what a draft was sent as; None while it is not sent."""
    with read_drafts(home, county) as drafts:
        return None if drafts is None else drafts.sent_as(n)


def last_sent(home: Home, county: str, limit: int = 20) -> tuple[SentRecord, ...]:
    """List the drafts that were sent last, the newest first."""
    with read_drafts(home, county) as drafts:
        return () if drafts is None else drafts.last_sent(limit)


# -- what an officer does --


def save_draft(home: Home, county: str, n: int, content: Mapping[str, Any], asked: Iterable[str], version: int) -> int:
    """Store what an officer wrote; return the new version (``NotFound``; ``Conflict``, see rule 1)."""
    with open_drafts(home, county) as store:
        store.get(n)
        saved = store.save(n, content, asked, utc_now(), version)
    if saved is None:
        raise draft_changed(n, county)
    return saved


def submit_for_review(home: Home, county: str, n: int, actor: Actor, version: int) -> StoredDraft:
    """Submit a draft to another officer; it can no longer be edited.

    Raises:
        NotFound: there is no such draft.
        DraftUnfinished: it cannot be sent yet; ``faults`` say why.
        PayloadInvalid: its type carries no files, or not so many.
        Conflict: see rule 1.
    """
    officer = _officer(actor)
    with open_drafts(home, county) as store:
        found = _seen(store, county, n, version, EDITABLE)
        content = _with_officers(_without_approval(found), officer, None)
        _checked(store, county, n, content)
        return _moved(store, county, found, replace(_cleared(found, DraftState.REVIEW, content), author=officer))


def return_draft(home: Home, county: str, n: int, actor: Actor, remark: str, version: int) -> StoredDraft:
    """Give a draft in review back to its author with a remark (``NotFound``; ``Conflict``, see rule 1)."""
    officer = _officer(actor)
    with open_drafts(home, county) as store:
        found = _seen(store, county, n, version, {DraftState.REVIEW})
        to = _cleared(found, DraftState.WRITING, found.content)
        return _moved(store, county, found, replace(to, author=found.author, reviewer=officer, remark=remark))


def take_back(home: Home, county: str, n: int, version: int) -> StoredDraft:
    """Take a draft back that is in review or queued, to edit it.

    Raises:
        NotFound: there is no such draft.
        Conflict: see rule 1; or it is just being sent.
    """
    with open_drafts(home, county) as store:
        found = _seen(store, county, n, version, _WAITING)
        if found.state is DraftState.QUEUED and found.sending is not None:
            raise Conflict(marked("草稿 {n} 正在发出，不能收回"), n=n)
        to = _cleared(found, DraftState.WRITING, _without_approval(found))
        return _moved(store, county, found, replace(to, author=found.author))


def queue_draft(home: Home, county: str, n: int, actor: Actor, version: int, *, confirmed: bool = False) -> StoredDraft:
    """Queue a draft: ``outbox run`` seals and sends it. Of a draft in review that is the approval (签发).

    Args:
        home: of the installation.
        county: whose draft it is.
        n: number of the draft.
        actor: with the officer who sends or approves.
        version: of the draft that the officer saw.
        confirmed: the officer saw the doubts, and said that it goes.

    Raises:
        NotFound: there is no such draft.
        DraftUnfinished: it cannot be sent yet; ``faults`` say why.
        PayloadInvalid: its type carries no files, or not so many.
        DraftHeld: a doubt keeps it back, and nobody confirmed.
        NeedsApproval: another officer has to approve it first.
        Conflict: see rule 1.
    """
    officer = _officer(actor)
    with open_drafts(home, county) as store:
        found = store.get(n)
        if found.state is DraftState.QUEUED and found.version == version + 1 and officer in _officers(found):
            return found  # the same request again
        found = _seen(store, county, n, version, EDITABLE | {DraftState.REVIEW})
        author = found.author if found.state is DraftState.REVIEW and found.author is not None else officer
        reviewer = None if author.badge == officer.badge else officer
        if home.settings.desk_requires_approval and found.type != NOTICE and reviewer is None:
            sentence = marked("草稿 {n} 要由另一位民警签发：请先送审，拟稿人自己不能签发")
            raise NeedsApproval(sentence, n=n, hint=Action.to("draft.show", n=n, county=county))
        content = _with_officers(_without_approval(found), author, reviewer)
        _require_unheld(home, county, _checked(store, county, n, content), confirmed=confirmed)
        to = _cleared(found, DraftState.QUEUED, content)
        to = replace(to, author=author, reviewer=reviewer, confirmed=confirmed)
        made = _moved(store, county, found, to)
    notify(queue_wakeup(home, county))
    return made


def approve_draft(
    home: Home, county: str, n: int, actor: Actor, version: int, *, confirmed: bool = False
) -> StoredDraft:
    """Approve a draft in review (签发), and queue it. Raises as ``queue_draft``; ``NeedsApproval`` for its author."""
    found = find_draft(home, county, n)
    if found.author is not None and found.author.badge == _officer(actor).badge:
        sentence = marked("草稿 {n} 要由另一位民警签发：请先送审，拟稿人自己不能签发")
        raise NeedsApproval(sentence, n=n, hint=Action.to("draft.show", n=n, county=county))
    return queue_draft(home, county, n, actor, version, confirmed=confirmed)


def queue_content(
    home: Home,
    county: str,
    content: Mapping[str, Any],
    actor: Actor,
    *,
    confirmed: bool = False,
    once: str | None = None,
    author: Person | None = None,
) -> int:
    """Queue what was composed as a draft's JSON content; return the draft's number.

    Where the settings require approval, anything but a notice goes into review instead.

    Args:
        home: of the installation.
        county: who sends.
        content: as ``replies.compose_reply`` and the like return it.
        actor: with the officer in whose name it goes.
        confirmed: the officer saw the doubts, and said that it goes.
        once: names the request; the same one again gives the same draft, and nothing is sent twice.
        author: the officer who wrote it, where the actor is another one who approves it herewith.

    Raises:
        DraftInvalid: it cannot be sent; ``errors`` say why.
        DraftHeld: a doubt keeps it back, and nobody confirmed.
    """
    officer = _officer(actor)
    approver = None if author is None or author.badge == officer.badge else officer
    content = _with_officers(content, author or officer, approver)
    reviewed = home.settings.desk_requires_approval and content["type"] != NOTICE and approver is None
    draft = parse_draft(content)
    if not reviewed:
        _require_unheld(home, county, draft, confirmed=confirmed)
    with open_drafts(home, county) as store:
        n = store.begin(content, utc_now(), once=once)
        try:
            found = store.get(n)
        except NotFound:
            return n  # the same request again, and it was sent
        if found.moved is None:
            to = replace(found, state=DraftState.REVIEW if reviewed else DraftState.QUEUED)
            to = replace(to, author=author or officer, reviewer=approver, confirmed=confirmed)
            store.move(found, to, utc_now())
    notify(queue_wakeup(home, county))
    return n


# -- how --


def _officer(actor: Actor) -> Person:
    if actor.officer is None:
        raise ServiceError(marked("送审、签发和发送要写明姓名和警号"))
    return actor.officer


def _officers(found: StoredDraft) -> tuple[Person | None, Person | None]:
    return found.author, found.reviewer


def _seen(store: DraftStore, county: str, n: int, version: int, states: Collection[DraftState]) -> StoredDraft:
    """Return a draft as the officer saw it, in one of the states where this can be done (``Conflict``)."""
    found = store.get(n)
    if found.version != version or found.state not in states:
        raise draft_changed(n, county)
    return found


def _cleared(found: StoredDraft, state: DraftState, content: Mapping[str, Any]) -> StoredDraft:
    """Return a draft in another state, without what was said of it in the one before."""
    return replace(
        found, state=state, content=content, reviewer=None, remark=None, refused=None, confirmed=False, sending=None
    )


def _moved(store: DraftStore, county: str, found: StoredDraft, to: StoredDraft) -> StoredDraft:
    if not store.move(found, to, utc_now()):
        raise draft_changed(found.n, county)
    return store.get(found.n)


def _checked(store: DraftStore, county: str, n: int, content: Mapping[str, Any]) -> Draft:
    draft, faults = check_draft(content)
    if draft is None:
        raise DraftUnfinished(county, n, faults)
    if files := store.uploads(n):
        check_count(draft, len(files))
    return draft


def _require_unheld(home: Home, county: str, draft: Draft, *, confirmed: bool) -> None:
    if not goes_unasked(judge_draft(home, county, draft), forced=confirmed):
        raise DraftHeld(marked("内容存疑，要由民警确认之后才发，没有提交发送"))


def _without_approval(found: StoredDraft) -> dict[str, Any]:
    """Return a draft's content without the name of who approved it before: it goes on, perhaps changed, from here."""
    payload = dict(found.content.get("payload", {}))
    approved = found.state is not DraftState.REVIEW and found.remark is None  # with a remark it was given back
    if approved and found.reviewer is not None:
        approver = found.reviewer.model_dump(mode="json")
        for name in ("reviewed_by", "signed_off_by"):
            if payload.get(name) == approver:
                del payload[name]
    return {**found.content, "payload": payload}


def _with_officers(content: Mapping[str, Any], author: Person, reviewer: Person | None) -> dict[str, Any]:
    """Name the officers in a payload that has fields for them.

    Who approves signs it off. The others are named where the form names nobody.
    """
    names = {field.name for field in forms.form_of(content["type"])}
    payload = dict(content.get("payload", {}))
    officers = {"drafted_by": author, "by": author, "reviewed_by": reviewer}
    for name, officer in officers.items():
        if name in names and officer is not None:
            payload.setdefault(name, officer.model_dump(mode="json"))
    if "signed_off_by" in names and reviewer is not None:
        payload["signed_off_by"] = reviewer.model_dump(mode="json")
    return {**content, "payload": payload}
