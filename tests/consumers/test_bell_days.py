"""Days of the sample policy at one county, by the real engine of obligations: who is rung at which minute.

Law 4: the bell is closed and opened again before every minute that it looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.world.phones import Phone, channels, phones, ring, ringer_of, settings_of
from tests.world.receiver import ME, PARTNER, Listener
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.followups import KAFKA_HEADER, Followup
from yizhan.schemas.header import Header, parse_header
from yizhan.schemas.obligation_engine import ObligationEngine
from yizhan.schemas.obligation_steps import RUNGS
from yizhan.schemas.policy import decide

ZONE = ZoneInfo("Asia/Shanghai")
REQUEST = {
    "type": "yizhan.assistance.request.v1", "stage": "first", "priority": "routine", "wants": "identity",
    "touches": None,
}  # fmt: skip


def local(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    """Return an instant on the county's wall clock."""
    return datetime(year, month, day, hour, minute, tzinfo=ZONE)


class Days:
    """A station's engine, a county's inbox and its bell, minute by minute."""

    def __init__(self, listener: Listener, folder: Path, made: list[Phone]) -> None:
        self.listener, self.made, self.engine = listener, made, ObligationEngine()
        urls = {rung: phone.url for rung, phone in zip(RUNGS, made, strict=True)}
        rungs = "[rungs]\n" + "".join(f'{rung} = ["{rung}"]\n' for rung in RUNGS)
        self.settings = settings_of(folder, channels(**urls) + rungs)
        self.heard: list[tuple[str, str, str]] = []
        self.look(local(11, 24, 12))

    def event(self, at: datetime, **attributes: Any) -> Header:  # noqa: ANN401 -- of any attribute
        """Let the partner send an event, which the station stamps, watches and forwards."""
        world = self.listener.world
        value = world.event(PARTNER, (ME,), **attributes)
        header = parse_header(parse_envelope(value).unverified_header)
        ways = {ME: decide(header, ME, world.charter.policy).way.value}
        self.listener.inbox.receive(self.listener.arrived(value, world.postmark(value, PARTNER, at), received=at))
        self.tell(self.engine.observe(header, header.id.encode().ljust(32, b"."), ways, at, world.charter))
        self.look(at)
        return header

    def tell(self, said: list[Followup]) -> None:
        """Let the inbox receive the station's statements that are for it."""
        for each in said:
            if ME in (*each.owes, *each.owed):
                record = self.listener.arrived(each.signed(self.listener.world.station))
                self.listener.inbox.receive(replace(record, headers=((KAFKA_HEADER, b"1"),)))

    def until(self, end: datetime) -> None:
        """Let minutes go by; the bell, begun anew, looks where the station said something, and at each hour."""
        now = self.listener.clock.now
        while now < end:
            now += timedelta(minutes=1)
            said = self.engine.tick(now, self.listener.world.charters)
            self.tell([each for each in said if PARTNER in (*each.owes, *each.owed)])
            if said or now.astimezone(ZONE).minute == 0:
                self.look(now)
        self.listener.clock.now = end

    def look(self, now: datetime) -> None:
        """Begin the bell anew, let it look, and write down who heard what."""
        self.listener.clock.now = now
        ringer = ringer_of(self.listener, self.settings)
        ring(ringer, 2)
        ringer.store.close()
        for rung, phone in zip(RUNGS, self.made, strict=True):
            for each in phone.heard:
                line = each["title"].removeprefix("【驿站】") + " " + each["message"].splitlines()[0]
                self.heard.append((f"{now.astimezone(ZONE):%m-%d %H:%M}", rung, line))
            phone.heard.clear()


@pytest.fixture
def days(listener: Listener, tmp_path: Path) -> Iterator[Days]:
    """Begin on a Tuesday at noon."""
    with phones(4) as made:
        yield Days(listener, tmp_path, made)


@pytest.mark.exhaustive
def test_each_is_rung_at_the_minute_of_the_policy_and_once(days: Days) -> None:
    """A request for identity, a fire at night that nobody acknowledges, a contact of the month that nobody makes."""
    days.event(days.listener.clock.now, **REQUEST)
    days.until(local(11, 24, 23, 30))
    days.event(days.listener.clock.now)
    days.until(local(12, 3, 12))
    contact, identity = "本月联系，双方各自确认 · 寿宁县", "办理身份、年龄、前科核查 · 寿宁县"
    assert days.heard == [
        ("11-24 13:00", "duty", "通知 1 件 办案协作请求 · 首报 · 寿宁县"),
        ("11-24 23:30", "duty", "报警：森林火灾 来自 寿宁县"),
        ("11-24 23:35", "second", "报警：森林火灾 来自 寿宁县"),
        ("11-24 23:40", "liaison", "报警：森林火灾 来自 寿宁县"),
        ("11-24 23:45", "leader", "报警：森林火灾 来自 寿宁县"),
        ("11-25 01:30", "duty", "通知 1 件 对方已逾期：续报火情、灾情 · 寿宁县"),
        ("11-25 09:00", "liaison", f"催办 1 件 {contact}"),
        ("11-26 09:00", "liaison", f"催办 1 件 {contact}"),
        ("11-27 09:00", "liaison", f"催办 1 件 {identity}"),
        ("11-29 09:00", "liaison", f"催办 1 件 {identity}"),
        ("11-30 09:00", "liaison", f"催办 1 件 {identity}"),
        ("12-01 07:00", "liaison", f"通知和催办 2 件 已逾期：{contact}"),
        ("12-01 09:00", "leader", "催办 1 件 举行年度情报会商 · 寿宁县"),
        ("12-02 07:00", "liaison", f"催办 1 件 已逾期：{identity}"),
    ]
