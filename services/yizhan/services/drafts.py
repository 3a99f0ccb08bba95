"""Drafts of a county: begun, checked, sent.

Rule 1: a draft goes by the same path as every other event: checked, doubted, numbered, sealed, stored.
Rule 2: a draft goes under one reference, so that one that was cut off while it was sent goes once, whatever its
        doubts say the second time, and however many commands send it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yizhan.producers import forms, proposals
from yizhan.producers.doubts import Judgement, judge
from yizhan.producers.draft_rows import EDITABLE, StoredDraft, draft_reference
from yizhan.producers.draft_store import DraftStore, no_such_draft
from yizhan.producers.drafts import Draft, DraftInvalid, parse_draft
from yizhan.producers.numbering import Accepted
from yizhan.producers.outbox import Outbox
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.i18n import marked
from yizhan.schemas.not_found import not_received, not_sent
from yizhan.schemas.timestamps import instant
from yizhan.services.attachments import attach_files
from yizhan.services.doubts import goes_unasked, sender_of
from yizhan.services.errors import Conflict, ServiceError, draft_changed
from yizhan.services.form_questions import FormContext
from yizhan.services.form_words import in_form_words, questions_of
from yizhan.services.forms import Form
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.labels import type_name
from yizhan.services.outlines import home_outlines
from yizhan.services.progress import SILENT, Progress
from yizhan.services.stores import open_drafts, open_outbox, read_drafts, read_inbox, read_outbox
from yizhan.services.uploads import delete_uploads, upload_paths

MOST_EARLIER: Final = 9
"""How many earlier events are offered to go on with."""
MOST_ROWS: Final = 200
"""How many of the newest events are looked through for them."""
_CORRECTED: Final = ("status", "priority", "grade", "certainty", "touches", "stage", "worse")
"""Header attributes that a correction or a withdrawal begins with."""
_SHOWN: Final = 40


class DraftUnfinished(ServiceError):
    """A draft that cannot be sent yet; ``faults`` say why."""

    def __init__(self, county: str, n: int, faults: Sequence[DraftFault]) -> None:
        """Name the draft."""
        super().__init__(marked("草稿 {n} 还不能发"), n=n, hint=Action.to("draft.edit", n=n, county=county))
        self.faults = tuple(faults)


class DraftHeld(ServiceError):
    """A draft that waits for a person, and nobody could be asked."""


class DraftWasSent(Conflict):
    """A draft that went in a run that was cut off; it is forgotten here."""


@dataclass(frozen=True, slots=True)
class DraftFault:
    """What keeps a draft from being sent."""

    question: str
    """The question that it is about; ``payload`` for the draft as a whole."""
    titles: tuple[str, ...]
    """Chinese titles of the fields, from the outermost in; empty where the path is no field."""
    path: str
    problem: str
    """A sentence, in the words of the form."""
    ask: tuple[str, ...]
    """What ``Form.start`` takes to ask again for what is missing or wrong; at least one."""


@dataclass(frozen=True, slots=True)
class SentDraft:
    """What the outbox took, and why the broker takes no files now (None where it does, or none are attached)."""

    accepted: Accepted
    files_trouble: str | None


@dataclass(frozen=True, slots=True)
class NewDraft:
    """What a draft begins with; at most one of the references is given."""

    type: str
    exercise: bool = False
    reply_to: str | None = None
    """Id of an event of the inbox, or of one's own answer to it."""
    supersedes: str | None = None
    withdraws: str | None = None
    """Ids of events of the outbox."""
    updates: str | None = None
    """Id of an event of the outbox: the draft is the next report of its matter."""


def list_drafts(home: Home, county: str) -> tuple[StoredDraft, ...]:
    """List the drafts of a county, the oldest first."""
    with read_drafts(home, county) as drafts:
        return () if drafts is None else drafts.all()


def find_draft(home: Home, county: str, n: int) -> StoredDraft:
    """Return a draft (``NotFound`` if there is none of that number)."""
    with read_drafts(home, county) as drafts:
        if drafts is None:
            raise no_such_draft(n, county)
        return drafts.get(n)


# -- begun --


def begin_draft(home: Home, county: str, request: NewDraft) -> int:
    """Begin a draft; return its number.

    Raises:
        ServiceError: no desk writes events of this type.
        NotFound: what it answers, corrects or takes back is not there.
    """
    if request.type == RECEIPT:
        raise ServiceError(marked("回执由系统自己写，不能填写"), hint=Action.to("inbox.acknowledge", county=county))
    content: dict[str, Any] = {"type": request.type, "status": "Exercise" if request.exercise else "Actual"}
    content["payload"] = {}
    if request.reply_to:
        content |= _answering(home, county, request.reply_to)
    if request.updates:
        content |= {"subject": _thread_sent(home, county, request.type, request.updates)}
    for name, event_id in (("supersedes", request.supersedes), ("withdraws", request.withdraws)):
        if event_id:
            content |= _content_sent(home, county, event_id) | {name: {"id": event_id}}
    with open_drafts(home, county) as store:
        return store.begin(content, utc_now())


def drop_draft(home: Home, county: str, n: int) -> None:
    """Drop a draft with its files; it cannot be had back (``Conflict`` while it is being sent)."""
    with open_drafts(home, county) as store:
        if not store.drop(n):
            raise Conflict(marked("草稿 {n} 正在发出，不能丢弃"), n=n)
    delete_uploads(home, county, n)


@contextlib.contextmanager
def open_form(home: Home, county: str, n: int) -> Iterator[Form]:
    """Take up a draft as a form, where it was left.

    Raises:
        NotFound: there is none of that number.
        Conflict: it is in review or queued.
        DraftWasSent: as ``send_draft``.
    """
    with open_drafts(home, county) as store:
        found = store.get(n)
        if found.state not in EDITABLE:
            sentence = marked("草稿 {n} 已送审或已提交发送，退回或收回之后才能改")
            raise Conflict(sentence, n=n, hint=Action.to("draft.show", n=n, county=county))
        with read_outbox(home, county) as outbox:
            _require_unsent(outbox, store, found)
        yield Form(form_context(home, county, store, found.type), store, n)


def _answering(home: Home, county: str, event_id: str) -> dict[str, Any]:
    """Refer to an event of the inbox by id and hash, in its thread; one's own answer stands for what it answered."""
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        item = None if inbox is None else inbox.item(event_id)
        own = None if outbox is None or item is not None else outbox.event(event_id)
    if item is not None:
        return {"reply_to": {"id": item.id, "hash": item.hash.hex()}, "subject": item.thread}
    if own is None or own.header.reply_to is None:
        raise not_received(county, event_id, home.member_name(county))
    answered = own.header.reply_to
    return {"reply_to": answered.model_dump(), "subject": own.header.subject or answered.id}


def _thread_sent(home: Home, county: str, type: str, event_id: str) -> str:
    """Return the matter of an own event of a type (``ServiceError`` where it is of another type)."""
    with read_outbox(home, county) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    if own is None:
        raise not_sent(county, event_id, home.member_name(county))
    if own.header.type != type:
        sentence = marked("{id} 是{what}，不是{type}，不能接着它报")
        raise ServiceError(sentence, id=event_id, what=type_name(own.header.type), type=type_name(type))
    return own.header.subject or own.header.id


def _content_sent(home: Home, county: str, event_id: str) -> dict[str, Any]:
    """Return what was sent, for a draft that corrects it or takes it back."""
    with read_outbox(home, county) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    if own is None:
        raise not_sent(county, event_id, home.member_name(county))
    header = own.header.model_dump(mode="json", exclude_none=True)
    payload = strictjson.loads(own.payload, floats=True)
    # Its reference was given to the original: under the same one, the correction would not be sent.
    payload.pop("external_ref", None)
    # A file sealed with the original cannot be sealed again from its description: the officer adds the file anew.
    kept = [each for each in payload.pop("attachments", ()) if "sealed" not in each]
    if kept:
        payload["attachments"] = kept
    return {name: header[name] for name in _CORRECTED if name in header} | {"payload": payload}


def member_names(home: Home) -> dict[str, str]:
    """Return code → name of every member, in the language of the request."""
    return {code: home.localized(member.name) for code, member in sorted(home.charter.members.items())}


def form_context(home: Home, county: str, store: DraftStore, type: str) -> FormContext:
    """Return what a form of a type proposes from."""
    charter, outlines, members = home.charter, home_outlines(home), member_names(home)
    strip = charter.policy.border_strip_km
    around = None if outlines is None else proposals.AllianceMap(outlines, frozenset(members), strip)
    return FormContext(
        county, members, around, store.office(), lambda: _earlier(home, county, type),
        lambda thread: _last_report(home, county, type, thread),
    )  # fmt: skip


def _earlier(home: Home, county: str, type: str) -> list[tuple[str, str]]:
    """List the threads of a type that this county opened, the newest first."""
    with read_outbox(home, county) as outbox:
        rows = () if outbox is None else outbox.rows(OutboxQuery(type=type, limit=MOST_ROWS))
        found: dict[str, str] = {}
        for row in reversed(rows):
            own = None if outbox is None else outbox.event(row.id)
            if own is None or len(found) >= MOST_EARLIER:
                continue
            thread, payload = own.header.subject or row.id, strictjson.loads(own.payload, floats=True)
            words = (thread, home.local_time(row.accepted), *_place_and_summary(payload))
            found.setdefault(thread, " ".join(filter(None, words)))
    return list(found.items())


def _place_and_summary(payload: Any) -> tuple[str, str]:  # noqa: ANN401 -- JSON is any
    """Return where an event is, below the county, and the beginning of what was written of it."""
    if not isinstance(payload, dict):
        return "", ""
    place = payload.get("place")
    parts = (place.get(name) for name in ("township", "village", "spot")) if isinstance(place, dict) else ()
    where = "".join(each for each in parts if isinstance(each, str))
    return where[:_SHOWN], str(payload.get("summary", ""))[:_SHOWN]


def _last_report(home: Home, county: str, type: str, thread: str) -> dict[str, Any]:
    """Return what this county reported last of a thread, as a form takes it over; empty where nothing holds."""
    with read_outbox(home, county) as outbox:
        for own in () if outbox is None else outbox.standing(type, MOST_ROWS):
            if thread in {own.header.subject, own.header.id}:
                header = own.header.model_dump(mode="json", exclude_none=True)
                taken = {name: header[name] for name in ("priority", "touches", "grade") if name in header}
                return taken | {"payload": strictjson.loads(own.payload, floats=True)}
    return {}


# -- checked --


def check_draft(content: Mapping[str, Any]) -> tuple[Draft | None, tuple[DraftFault, ...]]:
    """Return the draft if it may be sent, and what is wrong with it."""
    try:
        return parse_draft(content), ()
    except DraftInvalid as error:
        payload = content.get("payload", {})
        return None, tuple(_fault(content["type"], payload, path, problem) for path, problem in error.errors)


def _fault(type: str, payload: Mapping[str, Any], path: str, problem: str) -> DraftFault:
    form = forms.form_of(type)
    steps = path.removeprefix("payload.").split(".")
    titles = tuple(field.title for field in forms.fields_on_path(form, steps))
    lacking = [field.name for field in form if field.required and field.name not in payload]
    ask = questions_of(type, path, problem, lacking)
    lists = {field.name for field in form if field.many and field.kind is forms.FieldKind.GROUP}
    if ask == (steps[-1],) and steps[-1] in lists and (there := payload.get(steps[-1])):
        ask = (f"{ask[0]}.{len(there)}",)  # what is there stays: the next one is asked for
    return DraftFault(steps[0], titles, path, in_form_words(type, problem), ask)


def missing_fields(type: str, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the Chinese titles of the required fields that a payload does not have."""
    return tuple(field.title for field in forms.form_of(type) if field.required and field.name not in payload)


def judge_draft(home: Home, county: str, draft: Draft) -> Judgement:
    """Return the doubts that a draft raises."""
    return judge(draft, sender_of(home, county))


# -- sent --


def send_draft(
    home: Home,
    county: str,
    n: int,
    passphrases: PassphraseSource,
    files: Sequence[str] = (),
    progress: Progress = SILENT,
    *,
    confirmed: bool = False,
) -> SentDraft:
    """Send a draft with the files to be attached; it is forgotten here once the outbox has it.

    ``progress`` advances by the bytes of the files that are sealed; ``confirmed``: a person said that it goes.

    Raises:
        DraftHeld: nobody was asked about a doubt that keeps it back.
        DraftInvalid, NotPublishable, NotFound, FileRefused, StoreError: nothing was sent, the draft is still there.
        Conflict: another event was sent under its reference, or the draft was changed meanwhile; nothing was sent,
            the draft is still there.
        DraftWasSent: it went before, in a run that was cut off; the draft is forgotten.
    """
    found = find_draft(home, county, n)
    judged = judge_draft(home, county, parse_draft(found.content))
    with open_outbox(home, county, passphrases) as outbox, open_drafts(home, county) as store:
        paths = [*upload_paths(home, county, store, n), *files]
        sent = _send(outbox, store, found, judged, paths, progress, confirmed=confirmed)
    delete_uploads(home, county, n)
    return sent


def send_queued(home: Home, outbox: Outbox, store: DraftStore, found: StoredDraft) -> SentDraft:
    """Send a draft as ``send_draft`` does, with its uploaded files, through an outbox that is open. Raises as that."""
    county, now = outbox.county, outbox.clock()
    # The outbox runs for long, and follows the charter; a home keeps the one that was in force at first.
    desk = sender_of(home, county, charter=outbox.charters.in_force(now), now=now)
    judged = judge(parse_draft(found.content), desk)
    paths = upload_paths(home, county, store, found.n)
    return _send(outbox, store, found, judged, paths, SILENT, confirmed=found.confirmed)


def _send(
    outbox: Outbox,
    store: DraftStore,
    found: StoredDraft,
    judged: Judgement,
    files: Sequence[str],
    progress: Progress,
    *,
    confirmed: bool,
) -> SentDraft:
    n, draft, county = found.n, judged.draft, outbox.county
    _require_unsent(outbox, store, found)
    if not goes_unasked(judged, forced=confirmed):
        raise DraftHeld(marked("没有人可问，草稿 {n} 没有发出"), n=n, hint=Action.to("draft.send", n=n, county=county))
    event = attach_files(outbox, draft, files, progress) if files else draft
    if not store.sending(n, outbox.clock(), found.version):
        raise draft_changed(n, county)
    sent = outbox.publish(event.model_copy(update={"external_ref": draft.external_ref or draft_reference(found)}))
    if sent.differs and draft.external_ref is not None:
        sentence = marked(
            "草稿 {n} 没有发出，还留着：接警单号/案件编号 {reference} 已用于 {id}，内容不同；请去掉编号，或改正它"
        )
        hint = Action.to("draft.edit", n=n, county=county)
        raise Conflict(sentence, n=n, reference=draft.external_ref, id=sent.id, hint=hint)
    # From here on the outbox has it; what a kill leaves behind is found by its reference.
    store.sent(n, draft.payload, sent.id, outbox.clock())
    return SentDraft(sent, outbox.files_trouble() if files else None)


def _require_unsent(outbox: OutboxView | None, store: DraftStore, found: StoredDraft) -> None:
    """Raise ``DraftWasSent`` and forget a draft that went in a run that was cut off."""
    if outbox is None or found.sending is None:
        return
    payload = found.content["payload"]
    reference = found.content.get("external_ref") or payload.get("external_ref") or draft_reference(found)
    query = OutboxQuery(type=found.type, external_ref=reference, since=instant(found.sending), limit=1)
    for row in outbox.rows(query):
        store.sent(found.n, payload, row.id, outbox.clock())
        raise DraftWasSent(marked("草稿 {n} 上次已经发出，编号 {id}；没有再发"), n=found.n, id=row.id)
