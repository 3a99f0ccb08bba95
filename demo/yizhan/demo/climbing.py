"""An alarm that nobody answers: with the minutes it climbs the ladder to the leader.

Rule 1: nobody waits a quarter of an hour. Time is a record that the station writes to itself; the demonstration,
        which holds the station's credentials too, writes those of the minutes to come.
Rule 2: what is shown is what both counties' books say, and each step is in each of them once.
Rule 3: somebody is rung at each step: the bell's book has it, delivered.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from kafka import KafkaProducer

from yizhan.consumers.followups import Obligation
from yizhan.demo import phones
from yizhan.demo.play import Day
from yizhan.demo.scenario import unheard
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.i18n import _
from yizhan.schemas.obligation_rules import Reminder
from yizhan.schemas.obligation_steps import DISCHARGED, OPENED, OVERDUE, RUNGS
from yizhan.schemas.timestamps import written
from yizhan.streams.ticks import Tick

_RULE = "acknowledge"


def climb(day: Day) -> dict[str, int]:
    """Play the alarm, its steps minute by minute, and the answer at last; each step's minute after the alarm."""
    step = unheard(datetime.now(UTC))
    sent = day.take(step)
    (silent,) = step.expects
    pair = (step.county, silent)
    rule = day.stage.charter.policy.obligations[_RULE]
    opened = _wait_for_steps(day, sent.id, pair, [OPENED])
    day.account.line(_("   演示把驿站的钟拨快，不等十五分钟；催办记在各自应到的时刻，其后的签收记在真实时刻"), "dim")
    minutes: dict[str, int] = {}
    seen = [OPENED]
    if opened is None:
        return minutes
    for reminder in rule.reminders:
        after = reminder.after_minutes or 0
        if OVERDUE not in seen and after >= (rule.due.minutes or 0):
            seen.append(OVERDUE)
        seen.append(reminder.id)
        pass_time(day.stage.settings.connection(topics.STATION), opened.opened + timedelta(minutes=after))
        rung = partial(phones.rung, day.stage.inboxes[silent], silent, sent.id, reminder.id)
        what = _("{county} 的铃：{step}").format(county=silent, step=reminder.id)
        if _wait_for_steps(day, sent.id, pair, seen) is not None and day.hope(what, rung) is not None:
            minutes[reminder.id] = after
            _show(day, silent, reminder, after)
    day.acknowledge(silent, sent, sender=step.county)
    _wait_for_steps(day, sent.id, pair, [*seen, DISCHARGED])
    return minutes


def pass_time(connection: KafkaConnection, to: datetime) -> None:
    """Write a tick that sets the station's clock to at least this instant."""
    producer = KafkaProducer(**connection.kafka_python(), acks="all")
    try:
        producer.send(topics.TICKS, key=b"tick", value=Tick(at=written(to)).to_bytes(), partition=0).get(timeout=30)
    finally:
        producer.close(timeout=5)


def _wait_for_steps(day: Day, about: str, pair: tuple[str, str], steps: list[str]) -> Obligation | None:
    """Wait until both counties have exactly these steps (rule 2); None if they do not come."""

    def ask(county: str) -> Obligation | None:
        every = day.stage.inboxes[county].obligations(everything=True)
        seen = (each for each in every if (each.rule, each.about) == (_RULE, about))
        return next((each for each in seen if sorted(each.steps) == sorted(steps)), None)

    found = None
    for county in pair:
        found = day.hope(_("{county} 得知 {step}").format(county=county, step=steps[-1]), partial(ask, county))
    return found


def _show(day: Day, silent: str, reminder: Reminder, after: int) -> None:
    """Say who is called now."""
    officer = day.stage.charter.ladders[silent][RUNGS.index(reminder.to)]
    sentence = _("   {minutes} 分钟无人签收 → 已响 {county} {role} {name} {phone}")
    day.account.line(
        sentence.format(
            minutes=after, county=day.account.name(silent), role=officer.role, name=officer.name, phone=officer.phone
        )
    )
