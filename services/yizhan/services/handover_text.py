"""A handover in words, to be read aloud: one heading a part, one sentence a matter; a part without anything says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from yizhan.consumers.followups import Obligation
from yizhan.consumers.items import Item
from yizhan.producers.draft_rows import StoredDraft
from yizhan.producers.queries import OwnEvent, Posting
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.payloads import read
from yizhan.schemas.payloads.letters import header_facts, headline, status_mark
from yizhan.schemas.payloads.letters import state_name as matter_state
from yizhan.schemas.payloads.table import type_name
from yizhan.services.handover import Handover
from yizhan.services.handover_matters import OpenAlarm
from yizhan.services.home import Home
from yizhan.services.item_text import arrival_line
from yizhan.services.labels import state_name
from yizhan.services.obligation_text import debtor_name, obligation_name, subject, telephone_sentence, time_left
from yizhan.services.own_obligations import STATION_DEBTOR

_SHOWN = 40
_BELOW = "  "
"""What stands before a line that belongs to the line above."""


_MAY_MISS: Final = frozenset({"process_down", "broker_down", "no_rights"})
"""Codes of problems with which something may have been sent to this county that is not in its inbox."""


def handover_lines(home: Home, found: Handover) -> Iterator[str]:
    """Yield the lines of a handover."""
    yield _("交接班：{county}，{at}").format(county=home.member_name(found.county), at=home.local_time(found.at))
    if any(each.code in _MAY_MISS for each in found.problems):
        yield _("！！有程序没有运行，或连不上 Kafka，新到的可能没有列在这里：见“铃、程序和网络”")
    told = {letter.id for each in found.open_alarms for letter in each.letters}
    letters = [each for each in found.letters if each.id not in told]
    letters_title = _("24 小时内的来信，还没有答复的")
    if above := len(found.letters) - len(letters):
        letters_title = _("24 小时内的来信，还没有答复的（列在上面报警下的 {count} 件除外）").format(count=above)
    parts: list[tuple[str, int, Iterable[str]]] = [
        (_("还没有人签收的报警"), found.ringing_count, _flat(_ringing(home, each, found) for each in found.ringing)),
        (
            _("已签收、还没有结束的报警"),
            len(found.open_alarms),
            _flat(_open_alarm(home, each, found) for each in found.open_alarms),
        ),
        (letters_title, len(letters), (arrival_line(home, each) for each in letters)),
        (_("等本县答复的协作请求"), len(found.requests), (arrival_line(home, each) for each in found.requests)),
        (_("等对方答复的协作请求"), len(found.own_requests), (_own(home, each) for each in found.own_requests)),
        (
            _("24 小时内的协作答复，还没有签收的"),
            len(found.answers),
            (arrival_line(home, each) for each in found.answers),
        ),
        (_("本县报出、还没有结束的"), len(found.own_open), (_own(home, each) for each in found.own_open)),
        (_("本县 24 小时内到期和已逾期的"), len(found.mine), (_owed(home, each, found) for each in found.mine)),
        (_("对方该办、到期或逾期的"), len(found.theirs), (_owed(home, each, found) for each in found.theirs)),
        (_("发出还没有送到的"), len(found.undelivered), (_undelivered(home, each) for each in found.undelivered)),
        (_("铃、程序和网络"), len(found.problems), (str(each.sentence) for each in found.problems)),
        (_("没有写完的草稿"), len(found.drafts), (_draft(home, each) for each in found.drafts)),
    ]
    for number, (title, count, lines) in enumerate(parts, 1):
        if not count:
            yield _("{n}. {title}：没有").format(n=number, title=title)
            continue
        yield _("{n}. {title}：{count} 件").format(n=number, title=title, count=count)
        yield from (f"   {line}" for line in lines)


_flat = chain.from_iterable


def _ringing(home: Home, alarm: Item, found: Handover) -> Iterator[str]:
    """Yield an alarm that nobody acknowledged; below, what was reported of it since."""
    yield arrival_line(home, alarm)
    report = found.reports.get(alarm.id)
    if report is not None:
        sentence = _("终报已到：{line}") if report.header.stage == "final" else _("最近的报告：{line}")
        yield _BELOW + sentence.format(line=arrival_line(home, report))


def _open_alarm(home: Home, each: OpenAlarm, found: Handover) -> Iterator[str]:
    """Yield an alarm; below, its newest report and what others wrote about it."""
    yield arrival_line(home, each.alarm)
    if each.latest.id != each.alarm.id:
        yield _BELOW + _("最近的报告：{line}").format(line=arrival_line(home, each.latest))
    unanswered = {letter.id for letter in found.letters}
    for letter in each.letters:
        sentence = _("来信，还没有答复：{line}") if letter.id in unanswered else _("来信：{line}")
        yield _BELOW + sentence.format(line=arrival_line(home, letter))


def _own(home: Home, each: OwnEvent) -> str:
    header = each.header
    raw = read(header.type, each.payload).raw if each.payload else None
    title = status_mark(header.status) + type_name(header.type)
    facts = (home.local_time(header.time), title, *header_facts(header), matter_state(raw))
    line = f"{' '.join(filter(None, facts))} {header.subject or header.id}"
    text = headline(raw, _SHOWN)
    return f"{line}: {text}" if text else line


def _owed(home: Home, each: Obligation, found: Handover) -> str:
    about, left = subject(each.about, each.period), time_left(each.due, found.at)
    what = " ".join(filter(None, (obligation_name(home, each), about)))
    if found.county in each.owes:
        return _("{what}，{due} 到期，{left}").format(what=what, due=home.local_time(each.due), left=left)
    who = join_list(debtor_name(home, code) for code in each.owes)
    sentence = _("{who}：{what}，{due} 到期，{left}")
    line = sentence.format(who=who, what=what, due=home.local_time(each.due), left=left)
    counties = [code for code in each.owes if code != STATION_DEBTOR]
    return f"{line} {telephone_sentence(home, counties)}" if each.overdue(found.at) and counties else line


def _undelivered(home: Home, each: Posting) -> str:
    sentence = _("{type} {id} 发给 {member}：{state}")
    return sentence.format(
        type=type_name(each.type), id=each.id, member=home.member_name(each.recipient), state=state_name(each.state)
    )


def _draft(home: Home, each: StoredDraft) -> str:
    payload: dict[str, Any] = dict(each.content.get("payload", {}))
    sentence = _("草稿 {n}，{type}，{at} 改动")
    line = sentence.format(n=each.n, type=type_name(each.type), at=home.local_time(each.changed))
    text = headline(payload, _SHOWN)
    return f"{line}: {text}" if text else line
