"""Full text over what came and what went: one question, both books.

Rule 1: the index (``search.sqlite3``) is derived from inbox and outbox: it is brought up to date before each question,
        made anew where a book is another file than before, and may be deleted.
Rule 2: what was destroyed after its term leaves the index.
Rule 3: the keys of attached files are not in the index.
Rule 4: what is shown of a partner's content is in the access log before it is returned.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import sentence
from yizhan.consumers.view import InboxView
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OutboxQuery, OwnEvent
from yizhan.producers.templates import csv_table
from yizhan.runtime.text_index import Document, Found, Place, TextIndex
from yizhan.schemas import strictjson
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.payloads.letters import headline, is_letter, status_mark
from yizhan.schemas.payloads.reading import MAX_DEPTH
from yizhan.schemas.payloads.table import SYSTEM_TYPES, type_name
from yizhan.schemas.timestamps import instant
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.labels import state_name
from yizhan.services.stores import inbox_path, outbox_path, read_inbox, read_outbox

FILE: Final = "search.sqlite3"
MOST_HITS: Final = 200
MOST_LOOKED_AT: Final = 1000
"""The newest documents that have the words; filters choose among them."""
MOST_TERMS: Final = 8
LONGEST_TERM: Final = 60
CATCH_UP_SECONDS: Final = 3.0
"""For so long a question waits for the index; the rest is indexed by the next one."""
_AT_ONCE: Final = 500
_HEADINGS: Final = (
    marked("时间"), marked("往来"), marked("县"), marked("类型"), marked("内容"), marked("状态"), marked("编号"),
)  # fmt: skip
_IN_A_CELL: Final = 500
"""Characters of what was written that a cell of a table has."""
_AROUND: Final = 36
"""Characters that are shown on each side of what was found."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Where a term stands in what was written: a part of one value."""

    before: str
    found: str
    after: str


@dataclass(frozen=True, slots=True)
class SearchHit:
    """An event that has the words: an item of the inbox, or an own event."""

    id: str
    snippet: Snippet
    item: Item | None = None
    own: OwnEvent | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The newest hits, the newest first; whether there are more; how many events are not in the index yet."""

    hits: tuple[SearchHit, ...] = ()
    more: bool = False
    unindexed: int = 0


def search(home: Home, county: str, text: str, query: InboxQuery, actor: Actor) -> SearchResult:
    """Return the newest events of both books that have every word.

    Args:
        home: of the installation.
        county: whose books.
        text: words with spaces between; of letters a to z the case does not matter.
        query: filters; own events have no way and no state, and ``county`` is among those they were sent to.
        actor: who asks.

    Raises:
        StoreError: a book cannot be read, the index not written, or the access log not written.
    """
    found = _search(home, county, text, query)
    if received := [each.id for each in found.hits if each.item is not None]:
        record(home, county, actor, "listed", received)
    return found


def search_csv(home: Home, county: str, text: str, query: InboxQuery, actor: Actor) -> bytes:
    """Return the same as CSV that Excel opens; it is entered as exported. Raises as ``search``."""
    hits = _search(home, county, text, query).hits
    record(home, county, actor, "exported", [each.id for each in hits])
    headings = [_(each) for each in _HEADINGS]
    return csv_table(headings, (dict(zip(headings, _cells(home, each), strict=True)) for each in hits))


def _cells(home: Home, hit: SearchHit) -> tuple[str, ...]:
    if (item := hit.item) is not None:
        raw = None if item.contents is None else item.contents.raw
        who, state, way = home.member_name(item.source), sentence(item.state), _("收件")
        return home.local_time(item.stored), way, who, item.title, headline(raw, _IN_A_CELL), state, item.id
    assert hit.own is not None  # noqa: S101 -- a hit is of one book or the other
    own, row = hit.own, hit.own.row
    to = join_list(home.member_name(code) for code in own.header.to)
    said, kind = headline(_raw(own.payload), _IN_A_CELL), status_mark(own.header.status) + type_name(own.header.type)
    return home.local_time(row.accepted), _("发件"), to, kind, said, state_name(row.state), row.id


def _search(home: Home, county: str, text: str, query: InboxQuery) -> SearchResult:
    terms = search_terms(text)
    if not terms:
        return SearchResult()
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        with TextIndex(home.county_folder(county) / FILE) as index:
            unindexed = _catch_up(index, home, county, inbox, outbox)
            found = index.find(terms, MOST_LOOKED_AT)
        items = _items(inbox, found, query)
        hits = [hit for each in found if (hit := _hit(each, terms[0], items, outbox, query)) is not None]
    return SearchResult(tuple(hits[:MOST_HITS]), len(hits) > MOST_HITS or len(found) == MOST_LOOKED_AT, unindexed)


def search_terms(text: str) -> list[str]:
    """Return the words of a question, the longest first: by it an event is found quickest."""
    words = dict.fromkeys(each[:LONGEST_TERM] for each in text.replace("\x00", " ").split())
    return sorted(list(words)[:MOST_TERMS], key=len, reverse=True)


# -- what is found --


def _items(inbox: InboxView | None, found: list[Found], query: InboxQuery) -> dict[str, Item]:
    ids = tuple(each.id for each in found if each.book == "inbox")
    if inbox is None or not ids:
        return {}
    asked = replace(query, ids=ids, text=None, before=None, after=None, limit=None)
    return {each.id: each for each in inbox.items(asked)}


def _hit(
    found: Found, term: str, items: Mapping[str, Item], outbox: OutboxView | None, query: InboxQuery
) -> SearchHit | None:
    snippet = _snippet(found.text, term)
    if found.book == "inbox":
        item = items.get(found.id)
        return None if item is None else SearchHit(found.id, snippet, item=item)
    own = None if outbox is None else outbox.event(found.id)
    if own is None or query.way is not None or query.state is not None or not _wanted(own, query):
        return None
    return SearchHit(found.id, snippet, own=own)


def _wanted(own: OwnEvent, query: InboxQuery) -> bool:
    return (
        query.type in {None, own.header.type}
        and (query.county is None or query.county in own.header.to)
        and (query.since is None or instant(own.row.accepted) >= query.since)
        and query.drills in {None, own.header.status != "Actual"}
    )


def _snippet(text: str, term: str) -> Snippet:
    at = text.lower().find(term.lower())
    if at < 0:
        return Snippet("", "", " ".join(text[: 2 * _AROUND].split()))
    end = at + len(term)
    first, last = text.rfind("\n", 0, at) + 1, text.find("\n", end)
    line_end = len(text) if last < 0 else last
    before = ("…" if at - first > _AROUND else "") + text[max(first, at - _AROUND) : at]
    after = text[end : min(line_end, end + _AROUND)] + ("…" if line_end > end + _AROUND else "")
    return Snippet(before, text[at:end], after)


# -- the index --


def _catch_up(index: TextIndex, home: Home, county: str, inbox: InboxView | None, outbox: OutboxView | None) -> int:
    """Bring the index up to date, for a time; return how many numbers of both books are left."""
    until = time.monotonic() + CATCH_UP_SECONDS
    left = 0
    if inbox is not None:
        _restart_if_another(index, "inbox", inbox_path(home, county), inbox.known)
        _forget_destroyed(index, inbox)
        left += _read_on(index, "inbox", inbox_path(home, county), _Received(inbox), until)
    if outbox is not None:
        _restart_if_another(index, "outbox", outbox_path(home, county), outbox.known)
        left += _read_on(index, "outbox", outbox_path(home, county), _Sent(outbox), until)
    return left


def _life(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev:x}-{found.st_ino:x}"


def _restart_if_another(index: TextIndex, book: str, path: Path, known: Any) -> None:  # noqa: ANN401 -- a method of either view
    place = index.place(book)
    if place.life and (place.life != _life(path) or (place.seq and not known(place.seq, place.id))):
        index.restart(book)


def _forget_destroyed(index: TextIndex, inbox: InboxView) -> None:
    place, gone = index.place("inbox"), inbox.destroyed()
    if place.life and len(gone) != place.forgotten:
        index.forget("inbox", gone, replace(place, forgotten=len(gone)))


class _Received:
    """The inbox, read on from a number."""

    def __init__(self, inbox: InboxView) -> None:
        self._inbox = inbox
        self.last = inbox.last_number()
        self.forgotten = len(inbox.destroyed())

    def after(self, seq: int) -> list[tuple[int, str, Document | None]]:
        found = self._inbox.items(InboxQuery(after=seq, limit=_AT_ONCE, system=True))
        return [(each.seq, each.id, _received(each)) for each in found]


class _Sent:
    """The outbox, read on from a number; what programs wrote is passed over."""

    def __init__(self, outbox: OutboxView) -> None:
        self._outbox = outbox
        newest = outbox.rows(OutboxQuery(limit=1))
        self.last = newest[0].seq if newest else 0
        self.forgotten = 0

    def after(self, seq: int) -> list[tuple[int, str, Document | None]]:
        return [
            (row.seq, row.id, self._sent(row.id, row.type, row.accepted))
            for row in self._outbox.rows(OutboxQuery(after=seq, limit=_AT_ONCE))
        ]

    def _sent(self, event_id: str, type: str, accepted: str) -> Document | None:
        if type in SYSTEM_TYPES and type != NOTICE:
            return None
        own = self._outbox.event(event_id)
        if own is None or not is_letter(own.header, _raw(own.payload)):
            return None
        return Document(event_id, _ms(accepted), _text(event_id, own.payload))


def _received(item: Item) -> Document | None:
    if item.payload is None or (item.type in SYSTEM_TYPES and item.type != NOTICE):
        return None
    if item.type == NOTICE and not is_letter(item.header, _raw(item.payload)):
        return None
    return Document(item.id, _ms(item.stored), _text(item.id, item.payload))


def _read_on(index: TextIndex, book: str, path: Path, source: _Received | _Sent, until: float) -> int:
    life = _life(path)
    while (place := index.place(book)).seq < source.last and time.monotonic() < until:
        found = source.after(place.seq)
        if not found:
            break
        seq, last_id, _document = found[-1]
        documents = [document for _seq, _id, document in found if document is not None]
        index.add(book, documents, place, Place(life, seq, last_id, place.forgotten or source.forgotten))
    return max(0, source.last - index.place(book).seq)


def _ms(at: str) -> int:
    return int(instant(at).timestamp() * 1000)


def _raw(payload: bytes) -> dict[str, Any] | None:
    try:
        found = strictjson.loads(payload, floats=True, max_depth=MAX_DEPTH)
    except strictjson.StrictJsonError:
        return None
    return found if isinstance(found, dict) else None


def _text(event_id: str, payload: bytes) -> str:
    """Return everything that an event says, a value a line; the id last."""
    raw = _raw(payload)
    said = [payload.decode("utf-8", "replace")] if raw is None else list(_strings(raw))
    return "\n".join([*said, event_id]).replace("\x00", " ")


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 -- JSON is any
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in {"sealed", "sha256"}:
                yield from _strings(each)
