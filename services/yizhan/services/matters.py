"""One matter from a county's inbox and outbox together: its timeline; linking threads; countersigning a plan.

Rule 1: everything that both stores know of a matter is in its timeline, in the order of time.
Rule 2: reading needs no key.
Rule 3: a plan is countersigned with its own content, in the names of this county's officers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from yizhan.consumers.items import Item
from yizhan.producers.draft_store import OFFICE
from yizhan.producers.drafts import Draft, Office, Reference, draft_content, parse_draft
from yizhan.producers.forms import form_of
from yizhan.producers.numbering import Accepted
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OutboxQuery, OwnEvent
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.matters import JointWork, JointWorkState, MatterEvent, in_order, joint_work, matter_ids
from yizhan.schemas.not_found import not_known, not_received
from yizhan.schemas.payloads.common import Ask, Person
from yizhan.schemas.payloads.table import PATROL_PLAN, short_name, type_name
from yizhan.services.access_log import record
from yizhan.services.actor import Actor, signed_by
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.matter_events import matter_event
from yizhan.services.outbox import steps_with
from yizhan.services.stores import open_outbox, read_drafts, read_inbox, read_outbox

_PLAN_AUTHORS_OWN: Final = ("external_ref", "doc_no", "attachments", "border", "doubtful", "ask")
"""Fields of a plan that are its author's own, beside the names of who signed."""


@dataclass(frozen=True)
class Timeline:
    """A matter as one county knows it: its events in the order of time, and the state of its joint work."""

    events: tuple[MatterEvent, ...]
    joint_work: tuple[JointWork, ...]
    progress: Mapping[str, Mapping[str, Mapping[str, str | None]]] = field(default_factory=dict, hash=False)
    """Id of an own event → recipient → steps that are reached there, as ``outbox.steps_with``."""

    @property
    def threads(self) -> dict[str, str]:
        """Event id → thread."""
        return {event.header.id: event.thread for event in self.events}

    @property
    def openings(self) -> tuple[MatterEvent, ...]:
        """The events that opened a thread: more than one where threads were linked."""
        return tuple(
            event for event in self.events if event.thread == event.header.id and event.header.reply_to is None
        )


@dataclass(frozen=True, slots=True)
class Countersignature:
    """A partner's plan, and the event that countersigns it, ready to be published."""

    plan: Item
    draft: Draft

    @property
    def content(self) -> dict[str, Any]:
        """The countersignature as a draft's content, for ``queue_content``."""
        return draft_content(self.draft)


class OfficersMissing(ServiceError):
    """It is not known who signs a countersignature: ``missing`` are fields and their titles, ``known`` the others.

    ``plan`` is what waits for them.
    """

    def __init__(self, plan: Item, missing: Mapping[str, str], known: Office, hint: Action) -> None:
        """Name what is missing."""
        sentence = marked("会签要写明本县的 {names}；请给出机构信息")
        super().__init__(sentence, names=join_list(missing.values()), hint=hint)
        self.plan, self.missing, self.known = plan, dict(missing), known


def show_matter(home: Home, county: str, event_id: str, actor: Actor) -> Timeline:
    """Return the matter that an event belongs to.

    Raises:
        NotFound: the county has no such event.
    """
    found = _timeline(home, county, event_id)
    if not found.events:
        raise not_known(county, event_id, home.member_name(county))
    record(home, county, actor, "opened", [event.header.id for event in found.events])
    return found


def _timeline(home: Home, county: str, event_id: str) -> Timeline:
    with read_outbox(home, county) as outbox, read_inbox(home, county) as inbox:
        stores = [store for store in (outbox, inbox) if store is not None]
        ids = matter_ids(event_id, lambda one: chain.from_iterable(store.related_ids(one) for store in stores))
        found = [event for each in ids if (event := matter_event(each, county, inbox, outbox)) is not None]
        progress = {} if outbox is None else {each: _steps(outbox, each) for each in ids}
    events = in_order(found)
    return Timeline(events, joint_work(events), {each: steps for each, steps in progress.items() if steps})


def _steps(outbox: OutboxView, event_id: str) -> dict[str, dict[str, str | None]]:
    """Return how far an own event came with each recipient; nothing for another's."""
    row = next(iter(outbox.rows(OutboxQuery(id=event_id))), None)
    if row is None:
        return {}
    return {each.recipient: steps_with(row, each) for each in outbox.postings(OutboxQuery(id=event_id))}


def link_threads(
    home: Home,
    county: str,
    own_id: str,
    other_id: str,
    note: str | None,
    actor: Actor,
    passphrases: PassphraseSource,
) -> Accepted:
    """Publish a notice that an event of ours and a partner's are about one matter, in the name of the actor's officer.

    Raises:
        NotFound: ``own_id`` is not in the outbox, or ``other_id`` not in the inbox.
    """
    draft = parse_draft(compose_link(home, county, own_id, other_id, note, actor))
    with open_outbox(home, county, passphrases) as outbox:
        return outbox.publish(draft)


def compose_link(home: Home, county: str, own_id: str, other_id: str, note: str | None, actor: Actor) -> dict[str, Any]:
    """Return that notice as a draft's content, for ``queue_content`` (``NotFound`` as ``link_threads``)."""
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        other = None if inbox is None else inbox.item(other_id)
        both_theirs = other is not None and inbox is not None and inbox.item(own_id) is not None
        own = None if outbox is None else outbox.event(own_id)
        second = None if outbox is None else outbox.event(other_id)
    if own is None or other is None:
        raise _not_a_pair(home, county, own, second, (own_id, other_id), both_theirs=both_theirs)
    thread = own.header.subject or own.header.id
    draft = Draft(
        type=NOTICE,
        status=own.header.status,
        subject=thread,
        reply_to=Reference(id=other.id, hash=other.hash.hex()),
        to=tuple(sorted({*own.header.to, other.county})),
        external_ref=f"link:{thread}:{other.id}"[:120],
        payload={"kind": "text", "text": note or _("同一件事，并案"), **signed_by(actor)},
    )
    return draft_content(draft)


def _not_a_pair(
    home: Home, county: str, own: OwnEvent | None, second: OwnEvent | None, ids: tuple[str, str], *, both_theirs: bool
) -> NotFound:
    """Return the error for two events that are not one of ours and one of a partner's, with what to do."""
    own_id, other_id = ids
    if own is None and second is not None:
        hint = Action.to("matter.link", own=other_id, other=own_id, county=county)
        return NotFound(marked("{id} 不是本县发出的；前一件应是本县的，后一件是对方的，请对调"), id=own_id, hint=hint)
    if own is None and both_theirs:
        sentence = marked("{id} 不是本县发出的：两件都是对方的，不用并案；是对方重报的，请对方撤回一件")
        hint = Action.to("event.reply", id=other_id, text="…", county=county)
        return NotFound(sentence, id=own_id, hint=hint)
    if own is None:
        return NotFound(marked("{id} 不是本县发出的；前一件应是本县的，后一件是对方的"), id=own_id)
    if second is not None and second.header.id != own.header.id:
        sentence = marked("两件都是本县报出的，不用并案：{id} 是重报的，就撤回它，以后的续报接着 {own}")
        hint = Action.to("draft.withdraw", type=short_name(second.header.type), id=other_id, county=county)
        return NotFound(sentence, id=other_id, own=own_id, hint=hint)
    return not_received(county, other_id, home.member_name(county))


def prepare_countersignature(
    home: Home, county: str, event_id: str, office: Office | None, actor: Actor
) -> Countersignature:
    """Return a plan that waits for this county's countersignature, and the countersignature; nothing is sent.

    Args:
        home: the home folder.
        county: who countersigns.
        event_id: the plan.
        office: who signs; None: the officers of the county's last form.
        actor: who looks at the plan; an officer who is named drafts the countersignature.

    Raises:
        OfficersMissing: it is not known who signs.
        ServiceError: the plan does not wait for this county.
        DraftInvalid: the office has no officers.
    """
    plan = _open_plan(home, county, event_id)
    record(home, county, actor, "opened", [plan.id])
    return Countersignature(plan, _countersigned(home, county, plan, office, actor.officer))


def countersign(home: Home, county: str, signature: Countersignature, passphrases: PassphraseSource) -> Accepted:
    """Publish a countersignature."""
    with open_outbox(home, county, passphrases) as outbox:
        return outbox.publish(signature.draft)


def _open_plan(home: Home, county: str, event_id: str) -> Item:
    """Return the plan if it waits for this county (``ServiceError`` says why it does not)."""
    found = _timeline(home, county, event_id)
    event = next((each for each in found.events if each.header.id == event_id), None)
    if event is None:
        raise not_received(county, event_id, home.member_name(county))
    if event.header.type != PATROL_PLAN or event.header.reply_to is not None:
        what = _("会签") if event.header.type == PATROL_PLAN else type_name(event.header.type)
        raise ServiceError(marked("{id} 是{what}，不是待会签的巡护计划"), id=event_id, what=what)
    if event.header.county == county:
        raise ServiceError(marked("{id} 是本县自己提出的计划，由对方会签"), id=event_id)
    with read_inbox(home, county) as inbox:
        item = None if inbox is None else inbox.item(event_id)
    assert item is not None  # noqa: S101 -- the timeline has it, and it is not ours
    if item.withdrawn_by is not None:
        raise ServiceError(marked("{id} 已被对方撤回（{by}），不用会签"), id=event_id, by=item.withdrawn_by)
    if item.superseded_by is not None:
        hint = Action.to("plan.countersign", id=item.superseded_by, county=county)
        sentence = marked("{id} 已被对方更正为 {by}，应会签新的")
        raise ServiceError(sentence, id=event_id, by=item.superseded_by, hint=hint)
    states = {each.stand for each in found.joint_work if (each.id, each.county) == (event_id, county)}
    if JointWorkState.COUNTERSIGNED in states:
        hint = Action.to("matter.show", id=event_id, county=county)
        raise ServiceError(marked("{id} 本县已经会签"), id=event_id, hint=hint)
    if not states & {JointWorkState.AWAITS_COUNTERSIGN, JointWorkState.OTHER_PLAN}:
        hint = Action.to("inbox.show", id=event_id, county=county)
        if item.contents is None:
            raise ServiceError(marked("{id} 的内容打不开，不能会签"), id=event_id, hint=hint)
        sentence = marked("{id} 的各方人员里没有本县的人，不用会签；要共同巡护的，请对方更正这份计划，写上本县的人")
        raise ServiceError(sentence, id=event_id, hint=hint)
    return item


def _countersigned(home: Home, county: str, plan: Item, office: Office | None, officer: Person | None) -> Draft:
    """Write the plan again in the names of this county's officers."""
    officers: dict[str, Any]
    if office is not None:
        officers = office.model_dump(mode="json", exclude_none=True)
    else:
        with read_drafts(home, county) as drafts:
            officers = {} if drafts is None else drafts.office()
    if officer is not None:
        officers = {**officers, "drafted_by": officer.model_dump()}
    titles = {field.name: _(field.title) for field in form_of(PATROL_PLAN)}
    if missing := {name: titles[name] for name in OFFICE if name not in officers}:
        hint = Action.to("plan.name_officers", id=plan.id, county=county)
        known = {name: officers[name] for name in OFFICE if name in officers}
        raise OfficersMissing(plan, missing, Office.model_validate(known), hint)
    raw = {} if plan.contents is None else plan.contents.raw
    terms = {name: value for name, value in raw.items() if name not in (*OFFICE, *_PLAN_AUTHORS_OWN)}
    return parse_draft(
        {
            "type": plan.type,
            "status": plan.status,
            "priority": plan.header.priority,
            "to": sorted({*plan.header.to, plan.county} - {county}),
            "subject": plan.thread,
            "reply_to": {"id": plan.id, "hash": plan.hash.hex()},
            "payload": {**terms, **{name: officers[name] for name in OFFICE}, "ask": [Ask.KNOW.value]},
        }
    )
