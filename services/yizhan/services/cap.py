"""CAP messages: taken in as drafts of a county's own; written of an event of its outbox or inbox.

Rule 1: a message that comes in is a draft: an officer reads, completes and sends it; nothing goes by itself.
Rule 2: what was sent of a message, or waits as a draft, is named and not made again.
Rule 3: an exercise goes on with, and takes back, exercises only; what is real only what is real.
Rule 4: writing an event as CAP is an export of its content: it is written down in the access log first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yizhan.producers import proposals
from yizhan.producers.cap import (
    WRITABLE,
    CapContext,
    CapInvalid,
    CapMessage,
    draft_of,
    read_cap,
    withdrawal_of,
    write_cap,
)
from yizhan.producers.cap.words import OUR_PREFIX, parse_reference
from yizhan.producers.doubts import Judgement, judge
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import Draft, Office, Reference
from yizhan.producers.geography import Outlines
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import EventRow, OutboxQuery, OwnEvent
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import Sentence, marked
from yizhan.schemas.not_found import not_known
from yizhan.schemas.payloads import read
from yizhan.services import stores
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.doubts import sender_of
from yizhan.services.drafts import missing_fields
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.office import read_office
from yizhan.services.outlines import read_outlines


@dataclass(frozen=True, slots=True)
class CapDraft:
    """A draft that was made of an event of a message."""

    n: int
    type: str
    external_ref: str | None
    status: str
    missing: tuple[str, ...]
    """Chinese titles of the required fields that CAP did not say."""
    judged: Judgement
    unfit: tuple[str, ...]
    """What the draft has no place for: sentences."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark about a message, and what can be done; the message's reader makes its own in words."""

    sentence: Sentence | str
    hint: Action | None = None


@dataclass(slots=True)
class CapImport:
    """What became of one message."""

    file: str
    message: CapMessage | None = None
    drafts: list[CapDraft] = field(default_factory=list)
    sent_before: list[str] = field(default_factory=list)
    drafted_before: list[int] = field(default_factory=list)
    error: Exception | None = None
    """Why it could not be read."""
    refused: list[Remark] = field(default_factory=list)
    unfit: list[Remark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CapOptions:
    """Files for an import; None for no officers, and for the home's outlines."""

    office: Path | None = None
    outlines: Path | None = None


@dataclass(frozen=True, slots=True)
class EventAsCap:
    """An event as a message; ``changed_by`` are the ids of what withdrew or corrected it since."""

    xml: bytes
    changed_by: tuple[str, ...]
    left_out: tuple[str, ...]


def take_messages(
    home: Home, county: str, sources: Iterable[str], read_source: Callable[[str], bytes], options: CapOptions
) -> Iterator[CapImport]:
    """Take messages into the drafts of a county; yield what became of each, as soon as it is known.

    Args:
        home: of the installation.
        county: whose drafts.
        sources: names of the messages.
        read_source: gives the bytes of one; an ``OSError`` of it is that message's.
        options: who answers for what is sent, and by which outlines.

    Raises:
        ServiceError: the office or the outlines cannot be used.
        StoreError: the disk fails.
    """
    office, outlines = read_office(options.office), read_outlines(home, options.outlines)
    with stores.open_drafts(home, county) as store:
        desk = _Desk(home, county, store, office, outlines)
        for each in sources:
            try:
                taken = desk.take(each, read_source(each))
            except (CapInvalid, ServiceError, OSError) as error:
                taken = CapImport(each, error=error)
            yield taken


class _Desk:
    """Takes messages into the drafts of one county."""

    def __init__(self, home: Home, county: str, store: DraftStore, office: Office, outlines: Outlines) -> None:
        """Take the open drafts; the caller closes them."""
        self._home, self._county, self._store = home, county, store
        around = proposals.AllianceMap(outlines, frozenset(home.charter.members), home.charter.policy.border_strip_km)
        self._context = CapContext(county, around, office, utc_now())
        self._sender = sender_of(home, county, outlines=outlines)
        self._office = office.model_dump(mode="json", exclude_none=True)

    def take(self, file: str, data: bytes) -> CapImport:
        """Read one message and make its drafts.

        Raises:
            CapInvalid: as ``read_cap``.
            StoreError: the disk fails.
        """
        message = read_cap(data, self._context)
        taken = CapImport(
            file, message, refused=list(map(Remark, message.refused)), unfit=list(map(Remark, message.unfit))
        )
        with stores.read_outbox(self._home, self._county) as outbox:
            if self._known(message, outbox, taken):
                return taken
            earlier = dict(self._earlier(message, outbox, taken))
            taken.unfit += map(Remark, _of_others(message, {stem for stem, _number in earlier}))
            if message.msg_type == "Cancel":
                self._cancel(message, earlier, outbox, taken)
                return taken
            refs = {place: str(own.row.external_ref) for place, own in earlier.items()}
            for event in message.events:
                content = draft_of(message, event, self._county, refs, self._office)
                self._draft(content, list(event.unfit), outbox, taken)
            self._update_of_nothing(message, refs, taken)
        return taken

    def _known(self, message: CapMessage, outbox: OutboxView | None, taken: CapImport) -> bool:
        """Return whether the message is an event of ours that the outbox or the inbox has already."""
        name = message.name
        if not name.sender.startswith(OUR_PREFIX):
            return False
        if outbox is not None and outbox.event(name.identifier) is not None:
            taken.sent_before.append(name.identifier)
            return True
        with stores.read_inbox(self._home, self._county) as inbox:
            item = None if inbox is None else inbox.item(name.identifier)
        if item is not None:
            sender = self._home.member_name(item.source)
            text = Sentence.of(marked("{id} 已在收件箱里，是 {member} 发来的"), id=item.id, member=sender)
            taken.refused.append(Remark(text, Action.to("draft.new", county=self._county, reply_to=item.id)))
        return item is not None

    def _earlier(
        self, message: CapMessage, outbox: OutboxView | None, taken: CapImport
    ) -> Iterator[tuple[tuple[str, int], OwnEvent]]:
        """Find what this county sent of the messages that this one names (rule 3)."""
        stems = {each.stem for each in message.references}
        for row in _sent(outbox) if stems else ():
            place = parse_reference(row.external_ref)
            own = outbox.event(row.id) if outbox is not None and place is not None and place[0] in stems else None
            if place is None or own is None or own.header.withdraws is not None:
                continue
            if own.header.status == message.status:
                yield place, own
            else:
                text = marked("它指向的 {id} 是 {theirs}，而这一份是 {ours}：演练和实情不混，按独立的一件处理")
                sentence = Sentence.of(text, id=row.id, theirs=own.header.status, ours=message.status)
                taken.unfit.append(Remark(sentence))

    def _cancel(
        self, message: CapMessage, earlier: dict[tuple[str, int], OwnEvent], outbox: OutboxView | None, taken: CapImport
    ) -> None:
        """Take back the whole matter: what was updated before is cancelled with its update."""
        threads = {own.header.subject or own.header.id for own in earlier.values()}
        matter = [
            own
            for row in (_sent(outbox) if threads else ())
            if outbox is not None and parse_reference(row.external_ref) and (own := outbox.event(row.id)) is not None
            and (own.header.subject or row.id) in threads and own.header.withdraws is None
            and own.header.status == message.status
        ]  # fmt: skip
        for number, own in enumerate(matter, 1):
            header = own.header.model_dump(mode="json", exclude_none=True)
            payload = strictjson.loads(own.payload, floats=True)
            self._draft(withdrawal_of(message, number, header, payload), [], outbox, taken)
        waiting = self._drafts_of(message)
        for n in waiting:
            text = Sentence.of(marked("它撤销的还是草稿 {n}，没有发出；不再发就丢弃"), n=n)
            taken.unfit.append(Remark(text, Action.to("draft.drop", n=n, county=self._county)))
        if not earlier and not waiting:
            taken.refused.append(Remark(Sentence.of(marked("它撤销的预警本县没有发过，不必撤回"))))

    def _update_of_nothing(self, message: CapMessage, refs: dict[tuple[str, int], str], taken: CapImport) -> None:
        if message.msg_type != "Update" or refs or not taken.drafts:
            return
        waiting = [str(n) for n in self._drafts_of(message)]
        sentence = (
            Sentence.of(marked("它更新的预警还是草稿 {n}；请先发那一份，或只发这一份"), n=", ".join(waiting))
            if waiting
            else Sentence.of(marked("它更新的预警本县没有发过，作为首报"))
        )
        taken.unfit.append(Remark(sentence))

    def _drafts_of(self, message: CapMessage) -> list[int]:
        stems = {each.stem for each in message.references}
        refs = [(each.n, parse_reference(each.content.get("external_ref"))) for each in self._store.all()]
        return [n for n, place in refs if place is not None and place[0] in stems]

    def _draft(self, content: dict[str, Any], unfit: list[str], outbox: OutboxView | None, taken: CapImport) -> None:
        payload = content["payload"]
        ref = content.get("external_ref") or payload.get("external_ref")
        rows = () if outbox is None else outbox.rows(OutboxQuery(type=content["type"], external_ref=ref, limit=1))
        waiting = [
            each.n
            for each in self._store.all()
            if ref in {each.content.get("external_ref"), each.content.get("payload", {}).get("external_ref")}
        ]
        if rows:
            taken.sent_before.append(rows[0].id)
        elif waiting:
            taken.drafted_before += waiting
        else:
            n = self._store.begin(content, utc_now())
            # Unfinished as it may be, it is judged as every other draft.
            judged = judge(_unfinished(content), self._sender)
            missing = missing_fields(content["type"], payload)
            taken.drafts.append(CapDraft(n, content["type"], ref, content["status"], missing, judged, tuple(unfit)))


def _unfinished(content: dict[str, Any]) -> Draft:
    """Make a draft of content that may lack what its type requires; its references are what a draft has."""
    names = ("reply_to", "supersedes", "withdraws")
    references = {name: Reference.model_validate(content[name]) for name in names if content.get(name) is not None}
    return Draft.model_construct(**{**content, **references})


def _of_others(message: CapMessage, stems: set[str]) -> Iterator[Sentence]:
    """Name the other senders whose messages a message updates or cancels: nobody has checked that it may."""
    for other in sorted({each.sender for each in message.references if each.stem in stems} - {message.name.sender}):
        text = marked("它指向的是 {other} 的报文，而发送者是 {sender}：请先向 {other} 核实")
        yield Sentence.of(text, other=other, sender=message.name.sender)


def _sent(outbox: OutboxView | None) -> Iterator[EventRow]:
    for type_ in WRITABLE:
        yield from () if outbox is None else outbox.rows(OutboxQuery(type=type_))


def event_as_cap(home: Home, county: str, event_id: str, actor: Actor, *, english: bool) -> EventAsCap:
    """Write an event of a county's outbox or inbox as CAP.

    Raises:
        NotFound: there is no such event.
        ServiceError: its content is not here, or not as its type says.
        CapInvalid: as ``write_cap``.
        StoreError: the access cannot be written down.
    """
    with stores.read_inbox(home, county) as inbox, stores.read_outbox(home, county) as outbox:
        own = None if outbox is None else outbox.event(event_id)
        item = None if inbox is None or own is not None else inbox.item(event_id)
        if own is None and item is None:
            raise not_known(county, event_id, home.member_name(county))

        def sent_at(named: str) -> str | None:
            mine = None if outbox is None else outbox.event(named)
            theirs = None if inbox is None else inbox.item(named)
            return mine.header.time if mine is not None else None if theirs is None else theirs.time

        header = own.header if own is not None else item.header if item is not None else None
        contents = (
            read(own.header.type, own.payload) if own is not None else item.contents if item is not None else None
        )
        if header is None or contents is None or (header.type in WRITABLE and contents.model is None):
            raise ServiceError(marked("{id} 的内容打不开、已销毁，或与本版本的格式不符，写不成 CAP"), id=event_id)
        names = {code: {"zh": member.name.zh, "en": member.name.en} for code, member in home.charter.members.items()}
        written = write_cap(header, contents.raw, names, sent_at, english=english)
    record(home, county, actor, "exported", [event_id])
    changed = () if item is None else (item.withdrawn_by, item.superseded_by)
    return EventAsCap(written.xml, tuple(each for each in changed if each), written.left_out)
