"""A list of the inbox as a table to take along: what the list shows, one line an event.

Rule 1: no cell begins a formula (``producers.templates.csv_table``).
Rule 2: the events are in the access log, as taken along, before the table is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import sentence
from yizhan.producers.columns import Value
from yizhan.producers.templates import csv_table
from yizhan.schemas.i18n import _, join_list, with_note
from yizhan.schemas.invisible import escaped
from yizhan.schemas.payloads.letters import headline
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.item_text import item_facts
from yizhan.services.labels import stage_name, way_name
from yizhan.services.stores import read_inbox

MOST_ROWS: Final = 20_000
"""The newest ones that a table holds."""
_AT_ONCE: Final = 500
_LONGEST: Final = 1000
"""Characters of what its sender wrote."""


def inbox_csv(home: Home, county: str, query: InboxQuery, actor: Actor) -> bytes:
    """Return the newest events that match a query as CSV, the newest first.

    Raises:
        StoreError: the inbox cannot be read, or the access log not written.
    """
    rows, ids = list[dict[str, Value]](), list[str]()
    for item in _newest_first(home, county, query):
        rows.append(dict(zip(_headings(), _cells(home, item), strict=True)))
        ids.append(item.id)
    record(home, county, actor, "exported", ids)
    return csv_table(_headings(), rows)


def _newest_first(home: Home, county: str, query: InboxQuery) -> Iterator[Item]:
    before, left = query.before, MOST_ROWS
    with read_inbox(home, county) as inbox:
        while inbox is not None and left > 0:
            found = inbox.items(replace(query, before=before, after=None, limit=min(left, _AT_ONCE)))
            yield from reversed(found)
            if len(found) < _AT_ONCE:
                return
            before, left = found[0].seq, left - len(found)


def _headings() -> list[str]:
    return [_("编号"), _("收到"), _("发件"), _("类型"), _("急缓"), _("处置"), _("状态"), _("内容"), _("签收人")]


def _cells(home: Home, item: Item) -> Iterator[str]:
    yield item.id
    yield home.local_time(item.received)
    yield home.member_name(item.source)
    yield item.title
    yield item_facts(item)
    yield way_name(item.way)
    yield sentence(item.state)
    yield escaped(headline(None if item.contents is None else item.contents.raw, _LONGEST))
    yield join_list(f"{with_note(each.name, each.badge)} {stage_name(each.stage)}" for each in item.answers)
