"""A matter told as one story, from a county's inbox and outbox together.

Rule 1: what both books know of a matter is there, in the order of time, each event with its author.
Rule 2: whoever only looks needs no key; that the content was opened is written down by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from yizhan.cli import inboxes, outboxes
from yizhan.cli.names import stage_name, type_name
from yizhan.cli.words import _, beside, marked
from yizhan.producers.accounts import Query
from yizhan.schemas.header import NOTICE
from yizhan.schemas.matters import Part, Stand, Standing, Told, Word, in_order, matter, part, standings
from yizhan.schemas.payloads import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yizhan.cli.app import App
    from yizhan.consumers.inbox import Inbox
    from yizhan.consumers.items import Item
    from yizhan.producers.accounts import OwnEvent, Posting
    from yizhan.producers.outbox import Outbox

PARTS: Final = {
    Part.FIRST: marked("首报"),
    Part.UPDATE: marked("续报"),
    Part.FINAL: marked("终报"),
    Part.REPORT: "",
    Part.CORRECTION: marked("更正"),
    Part.WITHDRAWAL: marked("撤回"),
    Part.REPLY: marked("答复"),
    Part.LINK: marked("并案"),
}
STANDS: Final = {
    Stand.COUNTERSIGNED: marked("{county} 已会签巡护计划"),
    Stand.AWAITS_COUNTERSIGN: marked("等 {county} 会签巡护计划"),
    Stand.OTHER_PLAN: marked("{county} 签回的巡护计划与原计划不同，不算会签"),
    Stand.REPORTED: marked("{county} 已报巡护结果"),
    Stand.AWAITS_REPORT: marked("等 {county} 报巡护结果"),
    Stand.ANSWERED: marked("{county} 已答复协作请求"),
    Stand.AWAITS_ANSWER: marked("等 {county} 答复协作请求"),
    Stand.DISPUTE: marked("争议现在：{said}"),
    Stand.WRONG_MOVE: marked("办理状态 {said} 不合顺序（{county} 所报）"),
    Stand.DECISION: marked("议定：{said}；{county} 负责，{due} 前"),
    Stand.DECISION_DONE: marked("议定：{said}；{county} 已办结"),
}


@dataclass(frozen=True)
class Story:
    """A matter as one county knows it."""

    events: tuple[Told, ...]
    standings: tuple[Standing, ...]

    @property
    def threads(self) -> dict[str, str]:
        """Event id → thread."""
        return {told.header.id: told.thread for told in self.events}

    @property
    def opened(self) -> tuple[Told, ...]:
        """The events that opened a thread: more than one, where threads were linked."""
        return tuple(told for told in self.events if told.thread == told.header.id and told.header.reply_to is None)


def story(app: App, county: str, event_id: str) -> Story:
    """Tell the matter of one event; it has no events where the county knows of none."""
    with outboxes.looking(app, county) as outbox, inboxes.looking(app, county) as inbox:
        books, found = [each for each in (outbox, inbox) if each is not None], list[Told]()
        for each in matter(event_id, lambda one: chain.from_iterable(book.beside(one) for book in books)):
            found += [told] if (told := told_of(each, county, inbox, outbox)) is not None else []
    events = in_order(found)
    return Story(events, standings(events))


def told_of(event_id: str, county: str, inbox: Inbox | None, outbox: Outbox | None) -> Told | None:
    """Look an event up in a county's books; None where neither has it."""
    if outbox is not None and (own := outbox.event(event_id)) is not None:
        return _own(own, outbox.postings(Query(id=event_id)))
    if inbox is not None and (item := inbox.item(event_id)) is not None:
        return _came(item, county)
    return None


def _own(own: OwnEvent, postings: tuple[Posting, ...]) -> Told:
    words = [
        Word(each.recipient, stage, str(by.get("name", "")), str(by.get("badge", "")), _text(said.payload), said.time)
        for each in postings
        for stage, all_said in each.said.items()
        for said in all_said
        if isinstance(by := said.payload.get("by") or {}, dict)
    ]
    contents = read(own.header.type, own.payload) if own.payload else None
    return Told(own.header, own.row.hash, contents, tuple(words))


def _came(item: Item, county: str) -> Told:
    words = tuple(Word(county, each.stage, each.name, each.badge, each.note, each.at) for each in item.answers)
    return Told(item.header, item.hash.hex(), item.contents, words)


def _text(payload: Any) -> str | None:  # noqa: ANN401 -- JSON is any
    note = payload.get("note")
    return note if isinstance(note, str) else None


def rows(app: App, told_story: Story) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (time, county, what, content, id) of everything that was reported and said, in the order of time."""
    lines = []
    for told in told_story.events:
        what = part_name(told, told_story)
        lines.append((told.header.time, 0, app.named(told.header.source), what, content(told), told.header.id))
        for word in told.words:
            who = f"{stage_name(word.stage)} {beside(word.name, word.badge) if word.name else ''}".rstrip()
            about = word.note or _("对 {what}").format(what=what)
            lines.append((word.at, 1, app.named(word.county), who, about, ""))
    for at, _order, county, what, said, event_id in sorted(lines):
        yield app.local(at), county, what, said, event_id


def part_name(told: Told, told_story: Story) -> str:
    """Name an event by its type and its part in the matter: 森林火灾 首报."""
    word = PARTS[part(told, told_story.threads)]
    mark = {"Exercise": _("【演练】"), "Test": _("【测试】")}.get(told.header.status, "")
    kind = "" if told.header.type == NOTICE and word else type_name(told.header.type)
    return mark + " ".join(each for each in (kind, _(word) if word else "") if each)


def content(told: Told) -> str:
    """Return what its author wrote, and who that is."""
    raw = {} if told.contents is None else told.contents.raw
    said = next((raw[name] for name in ("summary", "text") if isinstance(raw.get(name), str)), "")
    by = raw.get("drafted_by")
    author = beside(str(by.get("name", "")), str(by.get("badge", ""))) if isinstance(by, dict) else ""
    return beside(said, author) if author else said


def standing_sentence(app: App, each: Standing) -> str:
    """Say how far a piece of joint work has come."""
    return _(STANDS[each.stand]).format(county=app.named(each.county), said=_states(each), due=each.due or "")


def _states(each: Standing) -> str:
    if each.stand in {Stand.DISPUTE, Stand.WRONG_MOVE}:
        return " → ".join(_(state) for state in each.said.split(" → "))
    return each.said


def as_json(told_story: Story) -> dict[str, Any]:
    """Return a story for programs."""
    return {
        "threads": [told.header.id for told in told_story.opened],
        "events": [
            {
                "id": told.header.id,
                "hash": told.hash,
                "part": part(told, told_story.threads),
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
