"""The stream of Server-Sent Events that every page listens to (``live``)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from yizhan.consumers.items import InboxQuery, Item
from yizhan.desk.accounts.model import EVERYBODY, OFFICE, Session
from yizhan.desk.alarm_cards import AlarmCard, alarm_card, alarm_end, by_urgency
from yizhan.desk.live import BEAT_SECONDS
from yizhan.desk.metrics import ALARM_SECONDS, ALARMS, STREAMS
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import speaking
from yizhan.schemas.payloads.table import type_name
from yizhan.schemas.timestamps import instant, written
from yizhan.services.inbox import list_items
from yizhan.services.live import Pulse
from yizhan.services.ringing import Outline, ringing_outline

log = logging.getLogger(__name__)
_AT_ONCE: Final = 50
"""Cards that are rendered together: the first are painted while the others are made."""


async def stream(ask: Ask) -> Response:
    """Answer with what rings, for as long as the page listens."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_Stream(ask).events(), media_type="text/event-stream", headers=headers)


class _Stream:
    """One page's stream: what it was told so far."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._desk = ask, ask.desk
        self._language = ask.language
        self._told: dict[str, None] = {}
        self._pulse: Pulse | None = None
        self._stored: dict[str, str] = {}
        self._locked = ask.session is not None and ask.session.locked

    async def events(self) -> AsyncIterator[bytes]:
        """Yield events until the desk or the session ends."""
        feed = self._desk.feed
        with feed.waking() as changed, STREAMS.track_inprogress():
            next_beat = 0.0
            yield b"retry: 500\n\n"
            while not feed.closed:
                session = await run_in_threadpool(self._session)
                if session is None or session.locked is not self._locked:
                    yield _event("end", {"why": "session"})
                    return
                changed.clear()
                pulse = feed.pulse
                if self._pulse is not None and pulse.life != self._pulse.life:
                    yield _event("end", {"why": "life"})
                    return
                if feed.looked and pulse != self._pulse:
                    async for event in self._state(pulse, locked=session.locked or not session.account.roles & OFFICE):
                        yield event
                    self._pulse = pulse
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + BEAT_SECONDS
                    yield _event("beat", await run_in_threadpool(self._beat, pulse))
                await _wait(changed, max(0.01, next_beat - time.monotonic()))

    def _session(self) -> Session | None:
        cookie = self._desk.session_cookie(self._ask.request)
        return self._desk.accounts.session(cookie, utc_now(), person=False)

    async def _state(self, pulse: Pulse, *, locked: bool) -> AsyncIterator[bytes]:
        ringing = dict.fromkeys(pulse.ringing)
        new = [each for each in ringing if each not in self._told]
        gone = [each for each in self._told if each not in ringing]
        self._told = ringing
        common = {"life": pulse.life, "last": pulse.last, "count": pulse.count, "ringing": list(ringing)}
        groups = [new[start : start + _AT_ONCE] for start in range(0, len(new), _AT_ONCE)] or [[]]
        for place, group in enumerate(groups):
            shown = await run_in_threadpool(self._cards, group, gone if place == 0 else [], locked=locked)
            identity = f"{pulse.life}:{pulse.last}" if place == len(groups) - 1 else None
            yield _event("state", {**common, **shown, "more": place < len(groups) - 1}, identity)
            self._count(group, known=self._pulse is not None)

    def _count(self, group: Sequence[str], *, known: bool) -> None:
        """Count alarms that were handed over, and how long that took; what rang before the stream began has no age."""
        ALARMS.inc(len(group))
        for each in group if known else ():
            if (stored := self._stored.get(each)) is not None:
                ALARM_SECONDS.observe(max(0.0, (utc_now() - instant(stored)).total_seconds()))

    def _cards(self, new: list[str], gone: list[str], *, locked: bool) -> dict[str, Any]:
        with speaking(self._language):
            home = self._desk.home
            if locked:
                outlines = [each for each in ringing_outline(home, self._desk.county).alarms if each.id in new]
                return {"new": list(map(self._outline, outlines)), "gone": [{"id": each} for each in gone]}
            items = {each.id: each for each in _items(self._ask, [*new, *gone[:_AT_ONCE]])}
            self._stored = {each.id: each.stored for each in items.values()}
            cards = by_urgency(
                [card for each in new if each in items and (card := self._card(items[each])) is not None]
            )
            ends = [alarm_end(home, items[each]) for each in gone if each in items]
            shown = [self._told_of(each, self._ask.render("alarm.html", card=each)) for each in cards]
            known = {each["id"] for each in shown}
            # What cannot be drawn rings all the same: as its header says, with a link to the event.
            plain = [self._plain(each) for each in new if each not in known]
            gone_words = [{"id": each.id, "words": each.words, "signed": each.signed} for each in ends]
            return {"new": [*shown, *plain], "gone": gone_words}

    def _card(self, item: Item) -> AlarmCard | None:
        """Return the card of an alarm; None where it cannot be made."""
        try:
            return alarm_card(self._desk.home, item)
        except Exception:
            log.exception("the card of %s cannot be made; it is shown without its content", item.id)
            return None

    def _told_of(self, card: AlarmCard, html: str) -> dict[str, Any]:
        who = self._desk.home.member_name(card.county).partition(" ")[2]
        told = {"id": card.id, "grade": card.grade, "at": card.at, "drill": card.drill}
        return {**told, "say": f"{who} {card.title}", "html": html}

    def _plain(self, event_id: str) -> dict[str, Any]:
        """Return an alarm of which nothing but its id is shown."""
        county, at = event_id[:6], written(utc_now())
        html = self._ask.render("alarm_plain.html", id=event_id, county=county, at=at)
        who = self._desk.home.member_name(county).partition(" ")[2]
        return {"id": event_id, "grade": 0, "at": at, "drill": False, "say": who, "html": html}

    def _outline(self, alarm: Outline) -> dict[str, Any]:
        """Return what a locked screen may show."""
        said = f"{self._desk.home.member_name(alarm.county)} {type_name(alarm.type)}"
        return {"id": alarm.id, "at": alarm.received.isoformat(), "drill": alarm.drill, "say": said}

    def _beat(self, pulse: Pulse) -> dict[str, Any]:
        now = utc_now()
        with speaking(self._language):
            local, trouble = self._desk.home.local_time(now), self._desk.feed.trouble
        age = self._desk.feed.receiver_age()
        return {
            "at": now.isoformat(),
            "clock": local[11:],
            "day": local[:10],
            "count": pulse.count,
            "last": pulse.last,
            "life": pulse.life,
            "receiver": None if age is None else round(age, 1),
            "trouble": trouble,
        }


def _items(ask: Ask, ids: Sequence[str]) -> tuple[Item, ...]:
    """Return items by their ids; the access is in the log."""
    if not ids:
        return ()
    return list_items(ask.desk.home, ask.desk.county, InboxQuery(ids=tuple(ids)), ask.actor("duty")).items


def _event(name: str, data: dict[str, Any], identity: str | None = None) -> bytes:
    lines = [f"event: {name}", f"data: {json.dumps(data, ensure_ascii=False)}"]
    if identity is not None:
        lines.append(f"id: {identity}")
    return ("\n".join(lines) + "\n\n").encode()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


PAGES = (Page("/live", stream, EVERYBODY, locked=True, stream=True),)
