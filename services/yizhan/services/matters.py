"""A matter told as one story, from a county's inbox and outbox together.

Rule 1: what both books know of a matter is there, in the order of time, each event with its author.
Rule 2: whoever only looks needs no key; that the content was opened is written down by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from yizhan.producers.queries import OutboxQuery
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _, marked, with_note
from yizhan.schemas.matters import (
    EventRole,
    JointWork,
    JointWorkState,
    MatterEvent,
    Word,
    event_role,
    in_order,
    joint_work,
    matter,
)
from yizhan.schemas.payloads import read
from yizhan.services import stores
from yizhan.services.labels import stage_name, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yizhan.consumers.items import Item
    from yizhan.consumers.view import InboxView
    from yizhan.producers.outbox_view import OutboxView
    from yizhan.producers.queries import OwnEvent, Posting
    from yizhan.services.home import Home

PARTS: Final = {
    EventRole.FIRST: marked("首报"),
    EventRole.UPDATE: marked("续报"),
    EventRole.FINAL: marked("终报"),
    EventRole.REPORT: "",
    EventRole.CORRECTION: marked("更正"),
    EventRole.WITHDRAWAL: marked("撤回"),
    EventRole.REPLY: marked("答复"),
    EventRole.LINK: marked("并案"),
}
STANDS: Final = {
    JointWorkState.COUNTERSIGNED: marked("{county} 已会签巡护计划"),
    JointWorkState.AWAITS_COUNTERSIGN: marked("等 {county} 会签巡护计划"),
    JointWorkState.OTHER_PLAN: marked("{county} 签回的巡护计划与原计划不同，不算会签"),
    JointWorkState.REPORTED: marked("{county} 已报巡护结果"),
    JointWorkState.AWAITS_REPORT: marked("等 {county} 报巡护结果"),
    JointWorkState.ANSWERED: marked("{county} 已答复协作请求"),
    JointWorkState.AWAITS_ANSWER: marked("等 {county} 答复协作请求"),
    JointWorkState.DISPUTE: marked("争议现在：{said}"),
    JointWorkState.WRONG_MOVE: marked("办理状态 {said} 不合顺序（{county} 所报）"),
    JointWorkState.DECISION: marked("议定：{said}；{county} 负责，{due} 前"),
    JointWorkState.DECISION_DONE: marked("议定：{said}；{county} 已办结"),
}


@dataclass(frozen=True)
class Timeline:
    """A matter as one county knows it."""

    events: tuple[MatterEvent, ...]
    standings: tuple[JointWork, ...]

    @property
    def threads(self) -> dict[str, str]:
        """Event id → thread."""
        return {told.header.id: told.thread for told in self.events}

    @property
    def opened(self) -> tuple[MatterEvent, ...]:
        """The events that opened a thread: more than one, where threads were linked."""
        return tuple(told for told in self.events if told.thread == told.header.id and told.header.reply_to is None)


def matter_timeline(home: Home, county: str, event_id: str) -> Timeline:
    """Tell the matter of one event; it has no events where the county knows of none."""
    with stores.read_outbox(home, county) as outbox, stores.read_inbox(home, county) as inbox:
        books, found = [each for each in (outbox, inbox) if each is not None], list[MatterEvent]()
        for each in matter(event_id, lambda one: chain.from_iterable(book.beside(one) for book in books)):
            found += [told] if (told := matter_event(each, county, inbox, outbox)) is not None else []
    events = in_order(found)
    return Timeline(events, joint_work(events))


def matter_event(event_id: str, county: str, inbox: InboxView | None, outbox: OutboxView | None) -> MatterEvent | None:
    """Look an event up in a county's books; None where neither has it."""
    if outbox is not None and (own := outbox.event(event_id)) is not None:
        return _own(own, outbox.postings(OutboxQuery(id=event_id)))
    if inbox is not None and (item := inbox.item(event_id)) is not None:
        return _came(item, county)
    return None


def _own(own: OwnEvent, postings: tuple[Posting, ...]) -> MatterEvent:
    words = [
        Word(each.recipient, stage, str(by.get("name", "")), str(by.get("badge", "")), _text(said.payload), said.time)
        for each in postings
        for stage, all_said in each.said.items()
        for said in all_said
        if isinstance(by := said.payload.get("by") or {}, dict)
    ]
    contents = read(own.header.type, own.payload) if own.payload else None
    return MatterEvent(own.header, own.row.hash, contents, tuple(words))


def _came(item: Item, county: str) -> MatterEvent:
    words = tuple(Word(county, each.stage, each.name, each.badge, each.note, each.at) for each in item.answers)
    return MatterEvent(item.header, item.hash.hex(), item.contents, words)


def _text(payload: Any) -> str | None:  # noqa: ANN401 -- JSON is any
    note = payload.get("note")
    return note if isinstance(note, str) else None


def rows(home: Home, told_story: Timeline) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (time, county, what, content, id) of everything that was reported and said, in the order of time."""
    lines = []
    for told in told_story.events:
        what = part_name(told, told_story)
        lines.append((told.header.time, 0, home.member_name(told.header.source), what, content(told), told.header.id))
        for word in told.words:
            who = f"{stage_name(word.stage)} {with_note(word.name, word.badge) if word.name else ''}".rstrip()
            about = word.note or _("对 {what}").format(what=what)
            lines.append((word.at, 1, home.member_name(word.county), who, about, ""))
    for at, _order, county, what, said, event_id in sorted(lines):
        yield home.local_time(at), county, what, said, event_id


def part_name(told: MatterEvent, told_story: Timeline) -> str:
    """Name an event by its type and its part in the matter: 森林火灾 首报."""
    word = PARTS[event_role(told, told_story.threads)]
    mark = {"Exercise": _("【演练】"), "Test": _("【测试】")}.get(told.header.status, "")
    kind = "" if told.header.type == NOTICE and word else type_name(told.header.type)
    return mark + " ".join(each for each in (kind, _(word) if word else "") if each)


def content(told: MatterEvent) -> str:
    """Return what its author wrote, and who that is."""
    raw = {} if told.contents is None else told.contents.raw
    said = next((raw[name] for name in ("summary", "text") if isinstance(raw.get(name), str)), "")
    by = raw.get("drafted_by")
    author = with_note(str(by.get("name", "")), str(by.get("badge", ""))) if isinstance(by, dict) else ""
    return with_note(said, author) if author else said


def standing_sentence(home: Home, each: JointWork) -> str:
    """Say how far a piece of joint work has come."""
    return _(STANDS[each.stand]).format(county=home.member_name(each.county), said=_states(each), due=each.due or "")


def _states(each: JointWork) -> str:
    if each.stand in {JointWorkState.DISPUTE, JointWorkState.WRONG_MOVE}:
        return " → ".join(_(state) for state in each.said.split(" → "))
    return each.said


def as_json(told_story: Timeline) -> dict[str, Any]:
    """Return a story for programs."""
    return {
        "threads": [told.header.id for told in told_story.opened],
        "events": [
            {
                "id": told.header.id,
                "hash": told.hash,
                "part": event_role(told, told_story.threads),
                "source": told.header.source,
                "type": told.header.type,
                "time": told.header.time,
                "thread": told.thread,
                "header": told.header,
                "payload": None if told.contents is None else told.contents.raw,
                "words": told.words,
            }
            for told in told_story.events
        ],
        "standings": told_story.standings,
    }
