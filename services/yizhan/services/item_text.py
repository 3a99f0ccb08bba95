"""An item of the inbox in words, for every face: all that an officer wants to know of it, and one line of it.

Rule 1: what is urgent stands first.
Rule 2: no event is so long that a screen waits for it: what does not fit is counted.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Final

from yizhan.consumers.items import Item
from yizhan.consumers.labels import State, sentence
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, join_list, join_sentences, with_note
from yizhan.schemas.matters import MatterEvent
from yizhan.schemas.payloads import ReadPayload, Shown, lines
from yizhan.schemas.payloads.letters import PRIORITIES, header_facts, headline, officer_name, presses, state_name
from yizhan.schemas.payloads.table import ASSISTANCE_REQUEST, ASSISTANCE_RESPONSE, middle_name, type_name
from yizhan.services.home import Home
from yizhan.services.labels import stage_name, way_name

MOST_VALUES: Final = 300
"""How many values of one event a screen lists: an alarm must not wait until another is drawn."""
MOST_LINES: Final = 200
MOST_CHARACTERS: Final = 20_000
"""How much of the values of one event a screen shows: a fire of 400,000 lines held up the next one for a minute."""
_LINE: Final = 60
"""Characters of what was written that one line of a screen shows."""
_FIRST: Final = ("summary", "place", "border", "ask")
_LAST: Final = (
    "contact", "external_ref", "doc_no", "classification", "org_code", "drafted_by", "reviewed_by", "signed_off_by",
)  # fmt: skip
"""Fields that a person reads before the others of a payload, and after them."""
_SAID: Final = frozenset({*_LAST, "summary", "text", "title", "ask", "attachments", "by", "kind"})
"""Fields of a payload that are no figures of what happened."""
_ORDER: Final = {
    **{name: place for place, name in enumerate(_FIRST)},
    **{name: len(_FIRST) + 1 + place for place, name in enumerate(_LAST)},
}
_LISTED: Final = re.compile(r"\.[0-9]+$")
_UNREAD: Final = re.compile(r"attachments\.[0-9]+\.sealed\.|(.+\.)?position\.type$")
"""Paths of what opens an attached file, and of what every position says: nothing that a person reads."""
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")


def item_details(home: Home, item: Item, elsewhere: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, value) of everything that an officer wants to know of an item, what is urgent first.

    ``elsewhere`` are the face's words for where all is shown: said where something is left out.
    """
    yield _("编号"), item.id
    yield _("发件"), home.member_name(item.source)
    yield _("急缓"), " ".join(header_facts(item.header, item.update)) or _(PRIORITIES[item.header.priority])
    yield _("状态"), sentence(item.state)
    for warning in item.warnings:
        yield _("注意"), sentence(warning)
    if item.superseded_by:
        yield _("已被更正"), item.superseded_by
    if item.withdrawn_by:
        yield _("已被撤回"), item.withdrawn_by
    yield _("获知"), home.local_time(item.time)
    if item.destroyed is not None:
        yield _("内容"), _("保管期满，已于 {at} 销毁").format(at=home.local_time(item.destroyed))
    fields = () if item.contents is None else (each for each in lines(item.contents) if not _UNREAD.match(each.path))
    shown = list(islice(fields, MOST_VALUES + 1))
    room = _Room(elsewhere)
    for name, value in _contents(home, [each for each in shown[:MOST_VALUES] if _head(each) not in _LAST]):
        yield name, room.fitted(value)
    for each in item.answers:
        note = f": {each.note}" if each.note else ""
        yield stage_name(each.stage), f"{with_note(each.name, each.badge)} {home.local_time(each.at)}{note}"
    for name, value in _contents(home, [each for each in shown[:MOST_VALUES] if _head(each) in _LAST]):
        yield name, room.fitted(value)
    if len(shown) > MOST_VALUES:
        yield _("内容"), join_sentences(filter(None, (_("只列出前 {count} 项").format(count=MOST_VALUES), elsewhere)))
    yield _("驿站收到"), home.local_time(item.received)
    yield (
        _("处置"),
        _("{way}，规则 {rule}：{because}").format(
            way=way_name(item.way), rule=item.rule, because=route_reason(home, item)
        ),
    )
    for label in item.digests:
        yield _("季度通报"), label


def content_rows(home: Home, contents: ReadPayload, elsewhere: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, value) of a whole payload in the order in which it is read, as far as a screen has room.

    ``elsewhere`` is as for ``item_details``.
    """
    fields = [each for each in islice(lines(contents), MOST_VALUES) if not _UNREAD.match(each.path)]
    room = _Room(elsewhere)
    for name, value in _contents(home, fields):
        yield name, room.fitted(value)


@dataclass(frozen=True, slots=True)
class Change:
    """A value that a later report of a matter has changed; ``before`` is empty where the earlier one did not say it.

    ``rose``: both are numbers, and it is greater now.
    """

    name: str
    before: str
    after: str
    rose: bool = False


def changes(home: Home, before: ReadPayload, after: ReadPayload) -> list[Change]:
    """Return what a report says otherwise than one before it, but for what its author wrote in whole sentences."""
    old, new = _figures(home, before), _figures(home, after)
    found = [Change(name, old.get(name, ""), value, _rose(old.get(name), value)) for name, value in new.items()]
    return [each for each in found if each.before != each.after]


def _figures(home: Home, contents: ReadPayload) -> dict[str, str]:
    shown = [each for each in islice(lines(contents), MOST_VALUES) if not _UNREAD.match(each.path)]
    return {
        name: value
        for name, value in _contents(home, [each for each in shown if _head(each) not in _SAID])
        if len(value) <= _LINE
    }


def _rose(before: str | None, after: str) -> bool:
    try:
        return float(before or "") < float(after)
    except ValueError:
        return False


class _Room:
    """What is left of a screen's lines and characters for the values of one event."""

    def __init__(self, elsewhere: str) -> None:
        self._lines, self._characters, self._elsewhere = MOST_LINES, MOST_CHARACTERS, elsewhere

    def fitted(self, value: str) -> str:
        """Return as much of a value as there is room for, at least its beginning, and what was left out."""
        lines = value.split("\n", max(self._lines, 1))[: max(self._lines, 1)]
        shown = "\n".join(lines)[: max(self._characters, _BEGINNING)]
        self._lines -= shown.count("\n") + 1
        self._characters -= len(shown)
        if len(shown) == len(value):
            return value
        left_out = _("（其余 {count} 字未列出）").format(count=len(value) - len(shown))
        return "\n".join(filter(None, (shown, left_out, self._elsewhere)))


_BEGINNING: Final = 40
"""Characters of a value that are shown in any case."""


def _head(shown: Shown) -> str:
    return shown.path.partition(".")[0]


def _contents(home: Home, shown: Sequence[Shown]) -> Iterator[tuple[str, str]]:
    """Yield names and values of a payload, what an alarm is about first; the values of one list share a row."""
    ordered = sorted(shown, key=lambda each: _ORDER.get(_head(each), len(_FIRST)))
    for (titles, _place), group in groupby(ordered, key=lambda each: (each.titles, _LISTED.sub("", each.path))):
        yield "·".join(_(title) for title in titles) or _("内容"), join_list(_value(home, each) for each in group)


def _value(home: Home, shown: Shown) -> str:
    value = shown.value
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if shown.path.endswith("place.county"):
        return home.member_name(str(value))
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        with contextlib.suppress(ValueError, OverflowError):
            return home.local_time(value)
    return _(value) if isinstance(value, str) and value else str(value)


def route_reason(home: Home, item: Item) -> str:
    """Return the clause behind the rule that brought an item."""
    charters = home.charters
    charter = charters.in_force(datetime.fromisoformat(item.received))
    for route in charter.policy.routes:
        if route.id == item.rule:
            return home.localized(route.because)
    return item.rule


def way_words(home: Home, way: str, rule: str) -> str:
    """Say in few words how something travels, and under which heading of the agreement: 报警 联管."""
    for route in home.charters.latest().policy.routes:
        if route.id == rule:
            heading, colon, _rest = home.localized(route.because).replace("：", ":").partition(":")
            return f"{way_name(way)} {heading}" if colon else way_name(way)
    return way_name(way)


def letter_line(home: Home, event: MatterEvent) -> str:
    """Say in one line what another event of a matter is: when, from whom, what, and its id."""
    header, raw = event.header, None if event.contents is None else event.contents.raw
    who = officer_name(None if raw is None else raw.get("by"))
    facts = (type_name(header.type), *header_facts(header), state_name(raw), who)
    head = " ".join(filter(None, (home.local_time(header.time), home.member_name(header.source), *facts)))
    return f"{head}: {headline(raw, _LINE)} {header.id}"


def item_facts(item: Item) -> str:
    """Say in few words how urgent, how grave, how certain, which report an item is, and where the matter stands."""
    state = state_name(None if item.contents is None else item.contents.raw)
    return " ".join(filter(None, (*header_facts(item.header, item.update), state)))


def arrival_line(home: Home, item: Item) -> str:
    """Say in one line what arrived."""
    title = " ".join(filter(None, (item.title, item_facts(item))))
    words = {"at": home.local_time(item.received), "title": title, "id": item.id}
    line = _("{at} {title} {id}，{sender} 发来").format(**words, sender=home.member_name(item.source))
    text = headline(None if item.contents is None else item.contents.raw, _LINE)
    return f"{line}: {text}" if text else line


def item_actions(item: Item, county: str) -> Iterator[tuple[str, Action]]:
    """Yield (name, action) of what a person of this county may do with an item next."""
    header, raw = item.header, {} if item.contents is None else item.contents.raw
    if item.state == State.RINGING:
        yield _("签收"), Action.to("inbox.acknowledge", id=item.id, county=county)
    if raw.get("attachments"):
        yield _("存出附件"), Action.to("inbox.save", id=item.id, county=county)
    if item.type == ASSISTANCE_REQUEST and header.withdraws is None:
        kind = middle_name(ASSISTANCE_RESPONSE)
        yield _("正式答复"), Action.to("draft.new", type=kind, county=county, reply_to=item.id)
    if header.wants == "countersign":
        yield _("会签"), Action.to("plan.countersign", id=item.id, county=county)
    if item.is_letter and item.county != county:
        yield _("来信答复"), Action.to("event.reply", id=item.id, county=county)


def is_pressing(item: Item) -> bool:
    """Tell whether an item is a word or a request that its writer calls urgent: shown at once, rung once."""
    return item.is_letter and presses(item.header)
