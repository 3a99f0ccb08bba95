"""CAP messages at the command line: one in, as drafts of a county's own; one out, of an event of either book.

Rule 1: a message that comes in is a draft: an officer reads, completes and sends it; nothing goes by itself.
Rule 2: what was sent of a message, or waits as a draft, is told and not made again.
Rule 3: an exercise goes on with, and takes back, exercises only; what is real only what is real.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yizhan.cli.form_prompt import faults_of
from yizhan.producers import proposals
from yizhan.producers.cap import (
    WRITABLE,
    CapContext,
    CapMessage,
    WrittenCap,
    draft_of,
    read_cap,
    withdrawal_of,
    write_cap,
)
from yizhan.producers.cap.words import OURS, sent_as
from yizhan.producers.doubts import Doubt, of_position
from yizhan.producers.geography import sample_outlines
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import read
from yizhan.services import stores
from yizhan.services.errors import ServiceError
from yizhan.services.labels import doubt_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yizhan.producers.draft_store import DraftStore
    from yizhan.producers.drafts import Office
    from yizhan.producers.geography import Outlines
    from yizhan.producers.outbox_view import OutboxView
    from yizhan.producers.queries import EventRow, OwnEvent
    from yizhan.services.home import Home


@dataclass(slots=True)
class CapImport:
    """What came of one message. Sentences are in the language chosen."""

    file: str
    message: CapMessage | None = None
    drafts: list[dict[str, Any]] = field(default_factory=list)
    """Each with ``n``, ``type``, ``external_ref``, ``missing``, ``unfit`` and ``doubts``."""
    sent_before: list[str] = field(default_factory=list)
    drafted_before: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        told = None
        if (message := self.message) is not None:
            name = message.name
            told = {"sender": name.sender, "identifier": name.identifier, "sent": name.sent.isoformat(),
                    "status": message.status, "msg_type": message.msg_type}  # fmt: skip
        return {name: getattr(self, name) for name in self.__slots__} | {"message": told}


class CapDesk:
    """Takes messages into the drafts of one county."""

    def __init__(self, home: Home, county: str, book: DraftStore, office: Office, outlines: Outlines | None) -> None:
        """Take the open drafts; the caller closes them."""
        self._app, self._county, self._book, self._outlines = home, county, book, outlines or sample_outlines()
        around = proposals.Map(self._outlines, frozenset(home.charter.members), home.charter.policy.border_strip_km)
        self._setting = CapContext(county, around, office, utc_now())
        self._office = office.model_dump(mode="json", exclude_none=True)

    def take(self, file: str, data: bytes) -> CapImport:
        """Read one message and make its drafts.

        Raises:
            CapInvalid: as ``read_cap``.
            StoreError: the disk fails.
        """
        message = read_cap(data, self._setting)
        came = CapImport(file, message, refused=list(message.refused), unfit=list(message.unfit))
        with stores.read_outbox(self._app, self._county) as outbox:
            if self._known(message, outbox, came):
                return came
            earlier = dict(self._earlier(message, outbox, came))
            came.unfit += _of_others(message, {stem for stem, _number in earlier})
            if message.msg_type == "Cancel":
                self._cancel(message, earlier, outbox, came)
                return came
            refs = {place: str(own.row.external_ref) for place, own in earlier.items()}
            for event in message.events:
                content = draft_of(message, event, self._county, refs, self._office)
                self._draft(content, list(event.unfit), outbox, came)
            self._update_of_nothing(message, refs, came)
        return came

    def _known(self, message: CapMessage, outbox: OutboxView | None, came: CapImport) -> bool:
        """Tell of a message of ours that is in a book already."""
        name = message.name
        if not name.sender.startswith(OURS):
            return False
        if outbox is not None and outbox.event(name.identifier) is not None:
            came.sent_before.append(name.identifier)
            return True
        with stores.read_inbox(self._app, self._county) as inbox:
            item = None if inbox is None else inbox.item(name.identifier)
        if item is not None:
            sentence = _("{id} 已在收件箱里，是 {member} 发来的；答复请用 yizhan new --reply-to {id}")
            came.refused.append(sentence.format(id=item.id, member=self._app.member_name(item.source)))
        return item is not None

    def _earlier(
        self, message: CapMessage, outbox: OutboxView | None, came: CapImport
    ) -> Iterator[tuple[tuple[str, int], OwnEvent]]:
        """Find what this county sent of the messages that this one names (rule 3)."""
        stems = {each.stem for each in message.references}
        for row in _sent(outbox) if stems else ():
            place = sent_as(row.external_ref)
            own = outbox.event(row.id) if outbox is not None and place is not None and place[0] in stems else None
            if place is None or own is None or own.header.withdraws is not None:
                continue
            if own.header.status == message.status:
                yield place, own
            else:
                sentence = _("它指向的 {id} 是 {theirs}，而这一份是 {ours}：演练和实情不混，按独立的一件处理")
                came.unfit.append(sentence.format(id=row.id, theirs=own.header.status, ours=message.status))

    def _cancel(
        self, message: CapMessage, earlier: dict[tuple[str, int], OwnEvent], outbox: OutboxView | None, came: CapImport
    ) -> None:
        """Take back the whole matter: what was updated before is cancelled with its update."""
        threads = {own.header.subject or own.header.id for own in earlier.values()}
        matter = [
            own
            for row in (_sent(outbox) if threads else ())
            if outbox is not None and sent_as(row.external_ref) and (own := outbox.event(row.id)) is not None
            and (own.header.subject or row.id) in threads and own.header.withdraws is None
            and own.header.status == message.status
        ]  # fmt: skip
        for number, own in enumerate(matter, 1):
            header = own.header.model_dump(mode="json", exclude_none=True)
            payload = strictjson.loads(own.payload, floats=True)
            self._draft(withdrawal_of(message, number, header, payload), [], outbox, came)
        waiting = self._drafts_of(message)
        for n in waiting:
            sentence = _("它撤销的还是草稿 {n}，没有发出；请看 yizhan draft show {n}，不发就 yizhan draft drop {n}")
            came.unfit.append(sentence.format(n=n))
        if not earlier and not waiting:
            came.refused.append(_("它撤销的预警本县没有发过，不必撤回"))

    def _update_of_nothing(self, message: CapMessage, refs: dict[tuple[str, int], str], came: CapImport) -> None:
        if message.msg_type != "Update" or refs or not came.drafts:
            return
        waiting = [str(n) for n in self._drafts_of(message)]
        said = (
            _("它更新的预警还是草稿 {n}；请先发那一份，或只发这一份")
            if waiting
            else _("它更新的预警本县没有发过，作为首报")
        )
        came.unfit.append(said.format(n=", ".join(waiting)))

    def _drafts_of(self, message: CapMessage) -> list[int]:
        stems = {each.stem for each in message.references}
        refs = [(each.n, sent_as(each.content.get("external_ref"))) for each in self._book.all()]
        return [n for n, place in refs if place is not None and place[0] in stems]

    def _draft(self, content: dict[str, Any], unfit: list[str], outbox: OutboxView | None, came: CapImport) -> None:
        payload = content["payload"]
        ref = content.get("external_ref") or payload.get("external_ref")
        rows = () if outbox is None else outbox.rows(OutboxQuery(type=content["type"], external_ref=ref, limit=1))
        waiting = [
            each.n
            for each in self._book.all()
            if ref in {each.content.get("external_ref"), each.content.get("payload", {}).get("external_ref")}
        ]
        if rows:
            came.sent_before.append(rows[0].id)
        elif waiting:
            came.drafted_before += waiting
        else:
            n = self._book.begin(content, utc_now())
            came.drafts.append(
                {"n": n, "type": content["type"], "external_ref": ref, "status": content["status"],
                 "missing": faults_of(content["type"], payload), "unfit": unfit,
                 "doubts": list(self._doubts(content["type"], payload))}
            )  # fmt: skip

    def _doubts(self, type: str, payload: dict[str, Any]) -> Iterator[str]:
        """Say what a person should look at again about the place, as ``yizhan new`` does before a draft goes."""
        if (place := payload.get("place")) is None:
            return
        found = list(of_position(place, lambda: self._outlines))
        if place["county"] != self._county:
            found.append(Doubt.ELSEWHERE)
        yield from (doubt_sentence(doubt, type, self._app.member_name(place["county"])) for doubt in found)


def _of_others(message: CapMessage, stems: set[str]) -> Iterator[str]:
    """Say whose messages, not its sender's own, a message updates or cancels: nobody has checked that it may."""
    for other in sorted({each.sender for each in message.references if each.stem in stems} - {message.name.sender}):
        sentence = _("它指向的是 {other} 的报文，而发送者是 {sender}：请先向 {other} 核实")
        yield sentence.format(other=other, sender=message.name.sender)


def _sent(outbox: OutboxView | None) -> Iterator[EventRow]:
    for type_ in WRITABLE:
        yield from () if outbox is None else outbox.rows(OutboxQuery(type=type_))


def as_cap(home: Home, county: str, event_id: str, *, english: bool) -> WrittenCap:
    """Write an event of a county's outbox or inbox as CAP.

    Raises:
        CommandError: there is no such event, or its content is not here or not as its type says.
        CapInvalid: as ``write_cap``.
    """
    with stores.read_inbox(home, county) as inbox, stores.read_outbox(home, county) as outbox:
        own = None if outbox is None else outbox.event(event_id)
        item = None if inbox is None or own is not None else inbox.item(event_id)
        if own is None and item is None:
            sentence = marked("{county} 的收件箱和发件箱里都没有 {id}；请看 yizhan inbox list 和 yizhan outbox list")
            raise ServiceError(sentence, county=home.member_name(county), id=event_id)

        def sent_of(named: str) -> str | None:
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
        written = write_cap(header, contents.raw, names, sent_of, english=english)
    changed = () if item is None else (item.withdrawn_by, item.superseded_by)
    later = [_("注意：这一件已被 {id} 撤回或更正").format(id=each) for each in changed if each]
    return WrittenCap(written.xml, (*later, *written.left_out))
