"""The stream of Server-Sent Events that every page listens to (``live``)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import State
from yizhan.desk.accounts.model import EVERYBODY, OFFICE, Session
from yizhan.desk.alarm_cards import alarm_card, alarm_end, by_urgency
from yizhan.desk.live import BEAT_SECONDS
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import speaking
from yizhan.services.inbox import list_items, show_item
from yizhan.services.live import MOST_RINGING, Pulse

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

    async def events(self) -> AsyncIterator[bytes]:
        """Yield events until the desk or the session ends."""
        feed = self._desk.feed
        with feed.waking() as changed:
            next_beat = 0.0
            while not feed.closed:
                session = await run_in_threadpool(self._session)
                if session is None:
                    yield _event("end", {"why": "session"})
                    return
                changed.clear()
                pulse = feed.pulse
                if self._pulse is not None and pulse.life != self._pulse.life:
                    yield _event("end", {"why": "life"})
                    return
                if pulse != self._pulse:
                    async for event in self._state(pulse, locked=session.locked or not session.account.roles & OFFICE):
                        yield event
                    self._pulse = pulse
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + BEAT_SECONDS
                    yield _event("beat", await run_in_threadpool(self._beat, pulse))
                with_timeout = max(0.01, next_beat - time.monotonic())
                await _wait(changed, with_timeout)

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

    def _cards(self, new: list[str], gone: list[str], *, locked: bool) -> dict[str, Any]:
        with speaking(self._language):
            if locked:
                return {"new": [], "gone": [{"id": each} for each in gone]}
            home, county = self._desk.home, self._desk.county
            actor = self._ask.actor("duty")
            items = _ringing(self._ask, new)
            cards = by_urgency([alarm_card(home, each) for each in items])
            ends = [alarm_end(home, show_item(home, county, each, actor).item) for each in gone[:_AT_ONCE]]
            return {
                "new": [
                    {
                        "id": each.id,
                        "grade": each.grade,
                        "at": each.at,
                        "drill": each.drill,
                        "say": f"{home.member_name(each.county).partition(' ')[2]} {each.title}",
                        "html": self._ask.render("alarm.html", card=each),
                    }
                    for each in cards
                ],
                "gone": [{"id": each.id, "words": each.words, "signed": each.signed} for each in ends],
            }

    def _beat(self, pulse: Pulse) -> dict[str, Any]:
        now = utc_now()
        with speaking(self._language):
            local = self._desk.home.local_time(now)
        age = self._desk.feed.receiver_age()
        return {
            "at": now.isoformat(),
            "clock": local[11:],
            "day": local[:10],
            "count": pulse.count,
            "last": pulse.last,
            "life": pulse.life,
            "receiver": None if age is None else round(age, 1),
            "trouble": self._desk.feed.trouble,
        }


def _ringing(ask: Ask, ids: list[str]) -> list[Item]:
    """Return alarms by their ids; the access is in the log."""
    if not ids:
        return []
    query = InboxQuery(state=State.RINGING, limit=MOST_RINGING)
    wanted = set(ids)
    found = list_items(ask.desk.home, ask.desk.county, query, ask.actor("duty")).items
    return [each for each in found if each.id in wanted]


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
