"""A matter in words, for every face: the rows of its timeline, and the state of its joint work."""

from __future__ import annotations

from collections.abc import Iterator

from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _, with_note
from yizhan.schemas.matters import JointWork, JointWorkState, MatterEvent, event_role
from yizhan.schemas.payloads.letters import officer_name, status_mark
from yizhan.schemas.payloads.table import type_name
from yizhan.services.home import Home
from yizhan.services.labels import EVENT_ROLES, JOINT_WORK, stage_name
from yizhan.services.matters import Timeline


def timeline_rows(home: Home, timeline: Timeline) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (time, county, what, content, id) of everything that was reported and answered, in the order of time."""
    lines = []
    for place, event in enumerate(timeline.events):
        header, what = event.header, role_name(event, timeline)
        lines.append((header.time, 0, place, home.member_name(header.source), what, author_text(event), header.id))
        for answer in event.answers:
            who = f"{stage_name(answer.stage)} {with_note(answer.name, answer.badge) if answer.name else ''}".rstrip()
            note = answer.note or _("对 {what}").format(what=what)
            lines.append((answer.at, 1, place, home.member_name(answer.county), who, note, ""))
    for at, _order, _place, county, what, text, event_id in sorted(lines):
        yield home.local_time(at), county, what, text, event_id


def role_name(event: MatterEvent, timeline: Timeline) -> str:
    """Name an event by its type and its role in the matter: 森林火灾 首报."""
    role = EVENT_ROLES[event_role(event, timeline.threads)]
    mark = status_mark(event.header.status)
    kind = "" if event.header.type == NOTICE and role else type_name(event.header.type)
    return mark + " ".join(each for each in (kind, _(role) if role else "") if each)


def author_text(event: MatterEvent) -> str:
    """Return what its author wrote, and who that is."""
    raw = {} if event.contents is None else event.contents.raw
    text = next((raw[name] for name in ("summary", "text") if isinstance(raw.get(name), str)), "")
    author = officer_name(raw.get("drafted_by") or raw.get("by"))
    return with_note(text, author) if author else text


def joint_work_sentence(home: Home, each: JointWork) -> str:
    """Describe the state of a piece of joint work."""
    text = each.said
    if each.stand in {JointWorkState.DISPUTE, JointWorkState.WRONG_MOVE}:
        text = " → ".join(_(state) for state in each.said.split(" → "))
    return _(JOINT_WORK[each.stand]).format(county=home.member_name(each.county), said=text, due=each.due or "")
