"""One event that was received: the matter it belongs to, where it happened, by which rule it came, its files."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from yizhan.consumers.items import Item
from yizhan.consumers.labels import State, Warn, sentence
from yizhan.consumers.receipts import standing
from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.alarm_cards import alarm_card
from yizhan.desk.guard import DOWNLOAD_POLICY
from yizhan.desk.matter_view import facts, latest_report, spots, thread_lines
from yizhan.desk.pages.answers import ANSWERERS
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import get_language
from yizhan.schemas.matters import decisions
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.services.cap import event_as_cap
from yizhan.services.drafts import member_names
from yizhan.services.inbox import show_item
from yizhan.services.inbox_files import ItemFiles, list_item_files, open_item_file
from yizhan.services.item_text import item_actions, route_reason
from yizhan.services.matter_text import joint_work_sentence, role_name
from yizhan.services.matters import Timeline, show_matter
from yizhan.services.queue import queued

_CHUNK: Final = 256 * 1024
_DOUBTED: Final = frozenset(
    {Warn.POSTMARK_MISSING, Warn.POSTMARK_INVALID, Warn.POSTMARK_OTHER_RECORD, Warn.DECISION_DIFFERS,
     Warn.NOT_DECIDED_FOR_US, Warn.CHARTER_UNKNOWN}
)  # fmt: skip
"""Warnings by which this county's own decision is not that of the station."""


def item(ask: Ask) -> Response:
    """Show an item; only its main part where that is asked for, beside another page."""
    template = "item_part.html" if ask.wants_fragment else "item.html"
    return ask.page(template, **item_values(ask, "inbox show"), printing=False)


def printed(ask: Ask) -> Response:
    """Show an item to be printed; the access log says so."""
    return ask.page("item.html", **item_values(ask, "inbox print"), printing=True)


def item_values(ask: Ask, operation: str) -> dict[str, Any]:
    """Return what the templates of an item show; all of it is in the access log before."""
    desk, item_id, actor = ask.desk, ask.path["id"], ask.actor(operation)
    found = show_item(desk.home, desk.county, item_id, actor).item
    timeline = show_matter(desk.home, desk.county, item_id, actor)
    files = ItemFiles((), ())
    if found.contents is not None and found.contents.raw.get("attachments"):
        files = list_item_files(desk.home, desk.county, item_id, actor)
    latest = latest_report(timeline, item_id)
    told, more = facts(desk.home, latest)
    return {
        "item": found, "card": alarm_card(desk.home, found), "standing": standing(found), "files": files,
        "lines": thread_lines(desk.home, desk.county, timeline), "timeline": timeline, "spots": spots(timeline),
        "latest": latest, "latest_name": role_name(latest, timeline) if latest is not None else "",
        "facts": told, "more": more, "because": route_reason(desk.home, found),
        "agrees": not _DOUBTED & set(found.warnings), "state": sentence(found.state),
        "ringing": found.state == State.RINGING, "joint": _joint(ask, timeline), "owed": _owed(ask, timeline, found),
        "answerable": _answerable(ask, found), "replying": bool(ask.account.roles & ANSWERERS),
        "actions": _actions(ask, found), "own": _own(ask, timeline), "waiting": _waiting(ask),
        "members": member_names(desk.home), "token": secrets.token_hex(8), "now": utc_now(),
    }  # fmt: skip


def _answerable(ask: Ask, found: Item) -> bool:
    here = found.type not in SYSTEM_TYPES and ask.desk.county in found.header.to
    return here and bool(ask.account.roles & ANSWERERS)


def _actions(ask: Ask, found: Item) -> list[tuple[str, str]]:
    """Return words and addresses of what is done on a page of its own."""
    wanted = {"draft.new", "plan.countersign"}
    named = item_actions(found, ask.desk.county) if ask.account.roles & ANSWERERS else ()
    linked = [(words, ask.link(action)) for words, action in named if action.kind in wanted]
    return [(words, link[1]) for words, link in linked if link is not None]


def _own(ask: Ask, timeline: Timeline) -> list[tuple[str, str]]:
    """Return id and name of this county's letters in the matter."""
    mine = (each for each in timeline.events if each.header.county == ask.desk.county)
    return [(each.header.id, role_name(each, timeline)) for each in mine]


def _joint(ask: Ask, timeline: Timeline) -> list[str]:
    return [joint_work_sentence(ask.desk.home, each) for each in timeline.joint_work]


def _owed(ask: Ask, timeline: Timeline, found: Item) -> list[tuple[int, str, str]]:
    """Return number, words and day of the decisions of these minutes that this county has not carried out yet."""
    return [
        (each.due.number, each.due.what, each.due.due.isoformat())
        for each in decisions(timeline.events)
        if (each.minutes.header.id, each.due.who, each.by) == (found.id, ask.desk.county, None)
    ]


def _waiting(ask: Ask) -> int | None:
    """Return the number of the draft that was queued from here just now, while it waits."""
    asked = ask.query.get("queued", "")
    return next((each.n for each in queued(ask.desk.home, ask.desk.county) if str(each.n) == asked), None)


def cap(ask: Ask) -> Response:
    """Give an item as CAP."""
    desk, item_id = ask.desk, ask.path["id"]
    made = event_as_cap(desk.home, desk.county, item_id, ask.actor("inbox cap"), english=get_language() == "en")
    return ask.download(made.xml, f"{_ascii(item_id)}.cap.xml", "application/cap+xml")


def file(ask: Ask) -> Response:
    """Give an attached file to be stored, never to be shown: it was checked in full, and is streamed."""
    desk = ask.desk
    name = ask.query.get("name", "")
    attachment, stream = open_item_file(desk.home, desk.county, ask.path["id"], name, ask.actor("inbox file"))
    headers = {
        "Content-Disposition": f'attachment; filename="{_ascii(attachment.name)}"; '
        f"filename*=UTF-8''{quote(attachment.name, safe='')}",
        "Content-Length": str(attachment.bytes),
        "Content-Security-Policy": DOWNLOAD_POLICY,
        "Content-Encoding": "identity",  # photos and films are not compressed again
    }
    return StreamingResponse(_read(stream), headers=headers, media_type="application/octet-stream")


def _read(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _ascii(name: str) -> str:
    """Return a name that stands between quotation marks in a header."""
    return "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in name)


PAGES = (
    Page("/inbox/{id}", item, OFFICE),
    Page("/inbox/{id}/print", printed, OFFICE),
    Page("/inbox/{id}/cap", cap, OFFICE),
    Page("/inbox/{id}/file", file, OFFICE),
)
