"""An own event in words, for every face: what was accepted or sent, and how far it came with each recipient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from yizhan.producers.numbering import Accepted
from yizhan.producers.queries import EventRow, Figures, Posting, RecipientReceipt
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, join_list, marked, with_note
from yizhan.schemas.payloads.letters import PRIORITIES, header_facts, officer_name
from yizhan.services.home import Home
from yizhan.services.item_text import content_rows, way_words
from yizhan.services.labels import (
    STAGES,
    STATES,
    arrival,
    reason_name,
    refusal,
    stage_name,
    state_name,
    type_name,
)
from yizhan.services.outbox import ForeignReply, ShownEvent
from yizhan.services.sending_news import SendingNews

STEPS: Final = {
    "queued": STATES["queued"],
    "sealed": marked("已封好"),
    "sent": marked("已送出"),
    "received": STATES["accepted"],
    "delivered": STAGES["delivered"],
    "opened": marked("已进收件箱"),
    "acknowledged": STAGES["acknowledged"],
    "refused": STATES["refused"],
}
"""How far an event came with a recipient; what the words for states and receipts say already is said so here too."""
_FILES: Final = ("fetched", "unfetched")
"""Stages that programs report of attached files; no officer's answer."""
MOST_LINES: Final = 20
"""Events named at once; a flood is counted."""


def event_rows(home: Home, shown: ShownEvent, elsewhere: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, value) of everything that was sent, then how far it came with each recipient.

    ``elsewhere`` is as for ``item_details``.
    """
    header, row = shown.event.header, shown.event.row
    yield _("编号"), header.id
    yield _("类型"), type_name(header.type)
    yield _("急缓"), " ".join(header_facts(header)) or _(PRIORITIES[header.priority])
    yield _("状态"), state_name(row.state)
    if row.reason is not None:
        yield _("说明"), refusal(row.reason, row.detail)
    if row.trouble is not None:
        yield _("注意"), row.trouble
    yield _("获知"), home.local_time(header.time)
    for name, ref in ((_("所答复的"), header.reply_to), (_("更正"), header.supersedes), (_("撤回"), header.withdraws)):
        if ref is not None:
            yield name, ref.id
    if header.subject is not None:
        yield _("所属事件"), header.subject
    yield from content_rows(home, shown.contents, elsewhere)
    for posting in shown.postings:
        yield home.member_name(posting.recipient), "\n".join(_progress(home, shown, posting))


def progress_name(row: EventRow, states: Mapping[str, str]) -> str:
    """Say how far an event came: the last step that a recipient reached, and how many did where not all."""
    if row.state in {"queued", "refused"}:
        return state_name(row.state)
    order = list(STEPS)
    last = max(states.values(), key=order.index, default="")
    if order.index(last or "queued") <= order.index("received"):
        return state_name(row.state)
    reached = sum(order.index(each) >= order.index(last) for each in states.values())
    return _(STEPS[last]) if reached == len(states) else f"{_(STEPS[last])} {reached}/{len(states)}"


def _progress(home: Home, shown: ShownEvent, posting: Posting) -> Iterator[str]:
    """Yield how far it came with one recipient: the state, each step that is reached, and what was said there."""
    way, rule = posting.stamped_way or posting.way, posting.stamped_rule or posting.rule
    yield with_note(_(STEPS[shown.state(posting)]), way_words(home, way, rule))
    for name, at in shown.steps(posting).items():
        if at is not None and name != "acknowledged":
            yield f"{_(STEPS[name])} {home.local_time(at)}"
    if posting.reason is not None:
        yield reason_name(posting.reason)
    for stage, receipts in posting.said.items():
        yield from (receipt_line(home, stage, each) for each in receipts)


def receipt_line(home: Home, stage: str, receipt: RecipientReceipt) -> str:
    """Say what a recipient reported of an event: what, who, when, and the officer's note."""
    note = receipt.payload.get("note")
    words = (stage_name(stage), officer_name(receipt.payload.get("by")), home.local_time(receipt.time))
    return " ".join(filter(None, words)) + (f": {note}" if note else "")


def waiting_line(figures: Figures) -> str:
    """Say how many events wait for what."""
    sentence = _("待发 {depth} 件，待驿站答复 {awaited} 件，回执逾期 {overdue} 件")
    return sentence.format(depth=figures.depth, awaited=figures.awaited, overdue=figures.receipts_overdue)


def sending_lines(home: Home, news: SendingNews) -> Iterator[str]:
    """Say what a sending process did since the last time: each event in its new state, then what waits."""
    at = home.local_time(utc_now())
    for row in news.events[-MOST_LINES:]:
        why = refusal(row.reason, row.detail) if row.reason is not None else row.trouble or ""
        to = join_list(home.member_name(code) for code in row.to)
        line = f"{at} {state_name(row.state)} {type_name(row.type)} {row.id} → {to}"
        yield f"{line}: {why}" if why else line
    if len(news.events) > MOST_LINES:
        yield _("{at} 还有 {count} 件").format(at=at, count=len(news.events) - MOST_LINES)
    if news.system:
        yield _("{at} 回执和系统通知 {count} 件").format(at=at, count=news.system)
    if news.figures.depth or news.figures.awaited:
        yield waiting_line(news.figures)


def accepted_lines(home: Home, sent: Accepted) -> list[str]:
    """Tell what was accepted: its id, and how it reaches whom by which rule."""
    first = sent.id
    if sent.duplicate:
        first += " " + (
            _("（以前已发过，内容不同的这一份没有再发）") if sent.differs else _("（以前已发过，没有再发）")
        )
    lines = [first]
    if sent.clock_suspect:
        lines.append(_("  获知时间在未来；火情和灾害照收，注明存疑。请核对所填的 time 和本机时钟"))
    for code, made in sent.decisions.items():
        sentence = _("  → {member}：{arrival}（规则 {rule}：{because}）")
        lines.append(
            sentence.format(
                member=home.member_name(code),
                arrival=arrival(made.way),
                rule=made.rule,
                because=home.localized(made.because),
            )
        )
    if sent.rings:
        sentence = _("  {priority}：到达后对方的铃立即响一次，不分昼夜")
        lines.append(sentence.format(priority=_(PRIORITIES[sent.priority])))
    if sent.waits:
        lines.append(_("  没有加重的续报：对方的铃静默时段过后才响。要马上告知，请再答复一句，注明特急或加急"))
    return lines


def files_waiting_line(trouble: str) -> str:
    """Say that attached files cannot be sent now, and that nothing is lost."""
    return _("附件暂时送不出：{trouble}。文书照送；附件已密封在本县，问题解决后自动送出").format(trouble=trouble)


def foreign_reply_sentence(home: Home, reply: ForeignReply) -> str:
    """Say what a reply that matches nothing means: our key was used only where the station let the event in."""
    at, why = home.local_time(reply.posting.read_at), reply.posting.why
    if reply.meaning == "not_signed":
        return _("{at} 读到一份不是驿站签名的答复（{why}）；请查明谁能写本县的答复主题").format(at=at, why=why)
    if reply.meaning == "our_key":
        sentence = _("{id} 不是本机发出的，却由本县的密钥签名（{why}，{at}）；请查明谁用了本县的密钥")
        return sentence.format(id=reply.posting.id, why=why, at=at)
    sentence = _("{at} 有一份不是本机发出的东西写到本县的主题，被驿站拒收：{reason}；请查明谁用了本县的证书")
    return sentence.format(at=at, reason=refusal(str(reply.reason), reply.detail))


def station_words(each: Posting) -> str:
    """Say what the station did with an event for one recipient."""
    if each.reason is None:
        return state_name(each.state)
    return f"{state_name(each.state)}: {refusal(each.reason, each.detail)}"


def delivered_words(home: Home, each: Posting) -> str:
    """Say what programs of a recipient reported: the event, then its files."""
    lines = [_receipts(home, stage, each.said[stage]) for stage in _FILES if stage in each.said]
    if each.delivered is not None:
        opened = _("{at} 已进收件箱") if each.opened else _("{at} 打不开")
        lines.insert(0, opened.format(at=home.local_time(each.delivered)))
    return "\n".join(lines)


def answer_words(home: Home, each: Posting) -> str:
    """Say what officers of a recipient answered."""
    return "\n".join(_receipts(home, stage, found) for stage, found in each.said.items() if stage not in _FILES)


def _receipts(home: Home, stage: str, receipts: Sequence[RecipientReceipt]) -> str:
    return "\n".join(receipt_line(home, stage, each) for each in receipts)
