"""One matter: what both sides wrote and answered, in the order of time; another event is linked to it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.header import split_id
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.matters import CountyAnswer, MatterEvent
from yizhan.schemas.payloads.letters import header_facts, headline, officer_name, status_mark
from yizhan.schemas.payloads.table import type_name
from yizhan.services.errors import ServiceError
from yizhan.services.event_ids import full_id
from yizhan.services.event_text import STEPS
from yizhan.services.labels import stage_name
from yizhan.services.matter_text import joint_work_sentence, role_name
from yizhan.services.matters import Timeline, compose_link, show_matter
from yizhan.services.queue import queue_content

_LINE = 80
_LONG = 4000


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of the timeline: a letter of a county, or (without ``id``) what an officer answered to one."""

    at: str
    county: str
    ours: bool
    what: str
    text: str
    by: str = ""
    id: str = ""
    path: str = ""
    facts: str = ""
    reached: str = ""


def matter(ask: Ask) -> Response:
    """Show the matter that an event belongs to."""
    desk, home, event_id = ask.desk, ask.desk.home, ask.path["id"]
    found = show_matter(home, desk.county, event_id, ask.actor("matter show"))
    words = sorted(_words(ask, found), key=lambda each: (each.at, not each.id))
    first = found.openings[0] if found.openings else found.events[0]
    raw = None if first.contents is None else first.contents.raw
    counts = {code: sum(each.header.county == code for each in found.events) for code in home.charter.members}
    return ask.page(
        "matter.html", words=words, now=utc_now(), event_id=event_id, grade_number=_grade(found),
        title=headline(raw, _LINE) or type_name(first.header.type), mark=status_mark(first.header.status),
        counts={code: count for code, count in counts.items() if count},
        joint_work=[joint_work_sentence(home, each) for each in found.joint_work], linked=len(found.openings) > 1,
    )  # fmt: skip


def _grade(found: Timeline) -> int | None:
    grades = [each.header.grade for each in found.events if each.header.grade and each.header.withdraws is None]
    return grades[-1] if grades else None


def _words(ask: Ask, found: Timeline) -> list[Word]:
    words = []
    for event in found.events:
        what = role_name(event, found)
        words.append(_letter(ask, event, found, what))
        words += [_answer(ask, each, what) for each in event.answers]
    return words


def _letter(ask: Ask, event: MatterEvent, found: Timeline, what: str) -> Word:
    header, raw = event.header, {} if event.contents is None else event.contents.raw
    ours = header.county == ask.desk.county
    text = next((raw[name] for name in ("summary", "text", "title") if isinstance(raw.get(name), str)), "")
    return Word(
        at=header.time, county=header.county, ours=ours, what=what, id=header.id,
        text=text[:_LONG] + ("…" if len(text) > _LONG else ""), facts=" ".join(header_facts(header)),
        by=officer_name(raw.get("drafted_by") or raw.get("by")), path=f"/{'outbox' if ours else 'inbox'}/{header.id}",
        reached=_reached(ask, header.id, found),
    )  # fmt: skip


def _reached(ask: Ask, event_id: str, found: Timeline) -> str:
    """Say how far an own event came with each recipient."""
    said = []
    for county, steps in found.progress.get(event_id, {}).items():
        last = next((name for name in reversed(list(steps)) if steps[name] is not None), "queued")
        said.append(f"{ask.desk.home.member_name(county).partition(' ')[2]} {_(STEPS[last])}")
    return "；".join(said)


def _answer(ask: Ask, each: CountyAnswer, what: str) -> Word:
    who = f"{each.name}（{each.badge}）" if each.badge else each.name
    said = f"{who} {stage_name(each.stage)}".strip()
    return Word(each.at, each.county, each.county == ask.desk.county, said, each.note or "", by=what)


def link(ask: Ask) -> Response:
    """Say that another event is about the same matter: a notice to the partner, queued."""
    desk, event_id, other = ask.desk, ask.path["id"], ask.form.get("other", "").strip()
    actor = ask.actor("matter link")
    found = show_matter(desk.home, desk.county, event_id, actor)
    if not other:
        raise ServiceError(marked("请填写另一件的编号"))
    other = full_id(desk.home, (desk.county,), other)
    try:
        ours = split_id(other)[0].partition(".")[0] == desk.county
    except ValueError:
        raise ServiceError(marked("{id} 不是事件编号"), id=other[:60]) from None
    if other in {each.header.id for each in found.events}:
        raise ServiceError(marked("{id} 已经在这件事里"), id=other)
    mine = [each.header.id for each in found.events if (each.header.county == desk.county) is not ours]
    if not mine:
        sentence = marked("并案要有本县的一件和对方的一件；请填{who}的编号")
        raise ServiceError(sentence, who=_("本县") if not ours else _("对方"))
    own, theirs = (other, mine[0]) if ours else (mine[0], other)
    note = ask.form.get("note", "").strip() or None
    content = compose_link(desk.home, desk.county, own, theirs, note, actor)
    n = queue_content(desk.home, desk.county, content, actor, once=ask.form.get("once") or None)
    return ask.see(f"/drafts/{n}")


PAGES = (Page("/matters/{id}", matter, OFFICE), Page("/matters/{id}/link", link, OFFICE, methods=("POST",)))
