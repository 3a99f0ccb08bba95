"""What each kind of the year's table is as a draft: the examples of the payloads, with this row's day and county."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from tests.schemas.payloads import examples
from tests.year.table import Row
from yizhan.producers.drafts import Draft, parse_draft

BEIJING = timezone(timedelta(hours=8))
FIRE, HOTSPOT, DISASTER = "incident.forest_fire", "incident.hotspot", "incident.natural_disaster"
REPORT, FEEDBACK = "intelligence.report", "intelligence.feedback"
REQUEST, RESPONSE = "assistance.request", "assistance.response"
PLAN, PATROL, DISPUTE = "patrol.plan", "patrol.report", "dispute.case"
CONTACT, CONSULTATION, CRIME = "liaison.contact", "liaison.consultation", "incident.eco_crime"

FIRST, UPDATE, FINAL = {"stage": "first"}, {"stage": "update"}, {"stage": "final"}
TOUCHES = {"touches": True}
OUT = {"state": "明火扑灭", "burnt_ha": 1.5}
CLOSED = {"state": "看守", "burnt_ha": 2.5, "forest_ha": 1.25}
IDENTITY = {"kind": "身份/年龄/前科", "questions": ["核实身份"]}
SEEN = {"certainty": "Likely", **FIRST, **TOUCHES}
NOT_FIRE = {"verification": "农事用火", **examples.PEOPLE, "contact": examples.COMMON["contact"]}
WANTS = {"ask": ["知悉", "回复"]}

Kind = tuple[str, Mapping[str, Any], Mapping[str, Any], str]
"""Type, header attributes, changes of the example, and how it refers to ``about``: '', thread, or a reference."""
KINDS: Mapping[str, Kind] = {
    "fire!": (FIRE, FIRST | TOUCHES, {}, ""),
    "fire-goes-on": (FIRE, UPDATE | TOUCHES | {"priority": "urgent"}, {"burnt_ha": 0.8}, "thread"),
    "fire-out": (FIRE, UPDATE | TOUCHES, OUT, "thread"),
    "fire-final": (FIRE, FINAL | TOUCHES, CLOSED, "thread"),
    "fire-exercise!": (FIRE, FIRST | TOUCHES | {"status": "Exercise"}, {}, ""),
    "hotspot!": (HOTSPOT, SEEN, {}, ""),
    "hotspot-nothing": (HOTSPOT, UPDATE | TOUCHES | {"certainty": "Unlikely"}, NOT_FIRE, "thread"),
    "hotspot-fire!": (FIRE, FIRST | TOUCHES, {}, "thread"),
    "disaster!": (DISASTER, FIRST | TOUCHES, {}, ""),
    "disaster-final": (DISASTER, FINAL | TOUCHES, {}, "thread"),
    "crime": (CRIME, FIRST | TOUCHES | {"grade": 2}, {"grade": 2, "grade_basis": "重大案件"}, ""),
    "report": (REPORT, {}, WANTS, ""),
    "report!": (REPORT, {}, WANTS, ""),
    "report-withdrawn": (REPORT, {}, {"summary": "误报，撤回。"}, "withdraws"),
    "feedback": (FEEDBACK, FINAL, {}, "reply_to"),
    "feedback-withdrawn": (FEEDBACK, FINAL, {"summary": "张冠李戴，撤回。"}, "withdraws"),
    "identity": (REQUEST, {}, IDENTITY, ""),
    "identity!": (REQUEST, {}, IDENTITY | {"custody": True}, ""),
    "identity-corrected": (REQUEST, {}, IDENTITY | {"questions": ["核实身份和年龄"]}, "supersedes"),
    "identity-far": (REQUEST, {}, IDENTITY | {"far": True}, ""),
    "assistance": (REQUEST, {}, {}, ""),
    "papers-missing": (RESPONSE, UPDATE, {"outcome": "手续不完备", "missing": ["立案决定书"]}, "reply_to"),
    "answered": (RESPONSE, FINAL, {}, "reply_to"),
    "plan": (PLAN, {}, {}, ""),
    "countersigned": (PLAN, {}, {}, "reply_to"),
    "patrol": (PATROL, {}, {}, "thread"),
    "dispute": (DISPUTE, {}, {}, "thread"),
    "dispute-hot": (DISPUTE, FIRST | {"priority": "urgent"}, {}, ""),
    "dispute-closed": (DISPUTE, FINAL, {"state": "办结"}, "thread"),
    "contact": (CONTACT, {}, {}, ""),
    "consultation": (CONSULTATION, FIRST, {}, ""),
    "consultation-minuted": (CONSULTATION, FINAL, {}, "thread"),
}
DECISION = {"what": "联合清山一次", "due": "2027-03-31"}
DROPPED: Mapping[str, tuple[str, ...]] = {
    "consultation": ("minutes", "decisions"),
    "papers-missing": ("answers", "documents"),
}
"""Kind → fields of the example that it must not have."""
RECEIPTS = frozenset({"acknowledged", "acted", "declined"})
"""What an officer says in the inbox."""


def draft(row: Row, known: Mapping[str, tuple[str, str, str]], plans: Mapping[str, str]) -> Draft:
    """Write what a row says.

    Args:
        row: of the table.
        known: this pair's events: name → id, hash, id of the thread.
        plans: name of a plan or of its countersignature → its day.
    """
    type_, attributes, changes, refers = KINDS[row.kind]
    header: dict[str, Any] = {
        "type": f"yizhan.{type_}.v1",
        "to": [row.partner],
        "priority": "flash" if row.flash else "routine",
    }
    header |= {name: [row.partner] if name == "touches" else value for name, value in attributes.items()}
    if row.kind == "dispute":
        header |= UPDATE if row.about else FIRST
    if row.about and refers == "thread":
        header["subject"] = known[row.about][2]
    elif row.about:
        about, its_hash, _ = known[row.about]
        header[refers] = {"id": about, "hash": its_hash}
    return parse_draft({**header, "payload": {**_payload(row, type_, plans), **changes}})


def _payload(row: Row, type_: str, plans: Mapping[str, str]) -> dict[str, Any]:
    at = row.at.replace(tzinfo=BEIJING).isoformat()
    made = dict(examples.EXAMPLES[f"yizhan.{type_}.v1"])
    for name in ("external_ref", "border"):
        made.pop(name, None)
    made |= {"org_code": f"{row.county}000000", "place": {"county": row.county}, "ask": ["知悉"]}
    if "occurred_at" in made:
        made["occurred_at"] = at
    if type_ in {PLAN, PATROL}:
        day = row.of or plans[row.about]
        made |= {"starts_on": day, "ends_on": day}
    made |= _special(row, type_, made, at)
    for name in DROPPED.get(row.kind, ()):
        del made[name]
    return made


def _special(row: Row, type_: str, made: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return what depends on the row's counties, day or state."""
    if type_ == PLAN:
        return {"crews": _of_both(made["crews"], row), "meeting_point": {"spot": "界碑 12 号"}}
    if type_ == DISPUTE:
        return {"state": row.of, "parties": _of_both(made["parties"], row)}
    people = _of_both([{"name": "叶某"}, {"name": "周某"}], row)
    special: dict[str, dict[str, Any]] = {
        CONTACT: {"month": row.of, "people": people},
        CONSULTATION: {"at": at, "kind": "情报年度", "people": people, "decisions": [DECISION | {"who": row.county}]},
        FIRE: {"started_at": at},
        HOTSPOT: {"detected_at": at},
        REQUEST: {"filed_at": at, "case_no": f"A{row.county}{row.event}"},
    }
    return special.get(type_, {})


def _of_both(each: list[dict[str, Any]], row: Row) -> list[dict[str, Any]]:
    return [one | {"county": code} for one, code in zip(each, row.pair, strict=True)]
