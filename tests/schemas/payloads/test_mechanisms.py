"""The types of the five mechanisms: what each asks of its sender, and what it tells the station."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.schemas.payloads.examples import (
    BRIEF,
    CONSULTATION,
    CONTACT,
    DISPUTE,
    EXAMPLES,
    FEEDBACK,
    PLAN,
    REPORT,
    REQUEST,
    RESPONSE,
)
from yizhan.schemas.codes import CODES
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.header import Header
from yizhan.schemas.payloads import TYPES, Payload, parse_strict
from yizhan.schemas.payloads.assistance_request import NEEDED, AssistanceRequest, RequestKind, missing_papers
from yizhan.schemas.payloads.dispute_case import MOVES, DisputeState, may_move
from yizhan.schemas.payloads.liaison_consultation import DecisionDue, decisions_due

END = "2026-12-03T15:59:59.999Z"
"""The end of the plan's last day in China."""


def model_of(name: str, value: dict[str, Any]) -> Payload:
    """Parse a payload of a type."""
    return parse_strict(f"yizhan.{name}.v1", value)


def disagreeing(name: str, value: dict[str, Any], stage: str | None) -> list[str]:
    """Return the fields that do not agree with a header of that stage."""
    return [path for path, _ in model_of(name, value).against_header(stage=stage, grade=None)]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("intelligence.report", REPORT, {}),
        ("intelligence.report", REPORT | {"feedback_by": "2026-12-23T00:00:00+08:00"}, {"wants": "feedback"}),
        ("intelligence.report", REPORT | {"ask": ["回复"]}, {"wants": "feedback"}),
        ("assistance.request", REQUEST, {"wants": "assistance"}),
        ("assistance.request", REQUEST | {"kind": "户籍证明"}, {"wants": "identity"}),
        ("assistance.request", REQUEST | {"kind": "身份/年龄/前科", "far": True}, {"wants": "identity-far"}),
        ("patrol.plan", PLAN, {"wants": "countersign", "expires": END}),
        ("patrol.plan", PLAN | {"crews": PLAN["crews"][:1]}, {"expires": END}),
        ("liaison.contact", CONTACT, {"period": "2026-11"}),
        ("liaison.consultation", CONSULTATION, {"period": "2027"}),
        ("liaison.consultation", CONSULTATION | {"kind": "临时"}, {}),
    ],
)
def test_the_header_says_what_the_station_must_know(name: str, value: dict[str, Any], said: dict[str, str]) -> None:
    """One closed word, one period; nobody is asked for them. 17:00 in UTC is next year in China."""
    assert model_of(name, value).for_header() == said


@pytest.mark.parametrize("type", TYPES)
def test_nothing_else_goes_into_the_header(type: str) -> None:
    """Whatever a type says of itself, it says in attributes that the header has."""
    assert (
        parse_strict(type, EXAMPLES[type]).for_header().keys()
        <= {"wants", "period", "expires"}
        <= Header.model_fields.keys()
    )


def test_a_request_names_each_paper_that_is_missing() -> None:
    """程序规定 art. 347: the letter, the paper of its kind, two officers."""
    bare = {name: inner for name, inner in REQUEST.items() if name not in {"papers", "officers"}}
    model = model_of("assistance.request", bare | {"kind": "查封/扣押/冻结"})
    assert isinstance(model, AssistanceRequest)
    assert missing_papers(model) == (
        "办案协作函件",
        "查封决定书或扣押决定书或协助冻结财产通知书",
        "两名办案民警的人民警察证",
    )
    assert [path for path, _ in model.against_header(stage="first", grade=None)] == ["papers", "papers", "officers"]


def test_one_officer_twice_is_one_officer() -> None:
    """Two badges are wanted, not two lines."""
    model = model_of("assistance.request", REQUEST | {"officers": REQUEST["officers"][:1]})
    assert isinstance(model, AssistanceRequest)
    assert missing_papers(model) == ("两名办案民警的人民警察证",)


@pytest.mark.parametrize("kind", RequestKind)
def test_every_kind_of_request_says_which_papers_it_needs(kind: RequestKind) -> None:
    """At least the letter; every paper is in the list of papers."""
    needed = NEEDED[kind]
    assert needed.papers[0] == ("办案协作函件",)
    assert all(CODES["papers"].find(name) for any_of in needed.papers for name in any_of)
    full = [{"name": any_of[0]} for any_of in needed.papers]
    assert disagreeing("assistance.request", REQUEST | {"kind": kind.value, "papers": full}, "first") == []


@pytest.mark.parametrize(
    "change",
    [
        {"answers": None, "documents": None},
        {"outcome": "手续不完备"},
        {"missing": ["拘留证"]},
        {"outcome": "非本地管辖已移交"},
        {"passed_to": "龙泉市公安局"},
    ],
)
def test_an_answer_says_what_its_outcome_asks(change: dict[str, Any]) -> None:
    """Answers, missing papers, or to whom it was passed on."""
    value = {name: inner for name, inner in (RESPONSE | change).items() if inner is not None}
    with pytest.raises(PayloadInvalid):
        model_of("assistance.response", value)


def test_an_interim_word_is_no_answer() -> None:
    """The station tells them apart by the stage alone."""
    interim = RESPONSE | {"outcome": "手续不完备", "missing": ["拘留证"]}
    assert disagreeing("assistance.response", interim, "final") == ["outcome"]
    assert disagreeing("assistance.response", interim, "update") == []
    assert disagreeing("assistance.response", RESPONSE, "final") == []
    assert disagreeing("assistance.response", RESPONSE, None) == ["outcome"]
    assert disagreeing("intelligence.feedback", FEEDBACK, "first") == ["result"]
    assert disagreeing("intelligence.feedback", FEEDBACK | {"result": "核查中"}, "final") == ["result"]


def test_a_consultation_is_called_then_minuted() -> None:
    """Minutes and decisions belong to the final report alone; no decision is an answer."""
    called = {name: inner for name, inner in CONSULTATION.items() if name not in {"minutes", "decisions"}}
    assert disagreeing("liaison.consultation", called, "first") == []
    assert disagreeing("liaison.consultation", called, "final") == ["minutes", "decisions"]
    assert disagreeing("liaison.consultation", CONSULTATION, "first") == ["minutes", "decisions"]
    assert disagreeing("liaison.consultation", CONSULTATION | {"decisions": []}, "final") == []


def test_every_decision_is_due() -> None:
    """What, who and by when, in the order of the minutes; nothing from another payload."""
    assert decisions_due(model_of("liaison.consultation", CONSULTATION)) == (
        DecisionDue(1, "联合清山一次", "331126", "森林警察大队", date(2027, 3, 31)),
        DecisionDue(2, "交换护林员名册", "350924", None, date(2027, 1, 31)),
    )
    assert decisions_due(model_of("dispute.case", DISPUTE)) == ()


def test_a_dispute_moves_along_its_table() -> None:
    """From found by way of the government to closed; never back, never past the government."""
    reached, waiting = set(), [DisputeState.FOUND]
    while waiting:
        state = waiting.pop()
        reached.add(state)
        waiting += MOVES[state] - reached
    assert reached == set(DisputeState) == MOVES.keys()
    assert not may_move(DisputeState.FOUND, DisputeState.CLOSED)
    assert not may_move(DisputeState.FIRST_AID, DisputeState.AGREED)
    assert not may_move(DisputeState.MEDIATION, DisputeState.FOUND)
    assert may_move(DisputeState.MEDIATION, DisputeState.MEDIATION)
    assert not may_move(DisputeState.CLOSED, DisputeState.CLOSED)


def test_a_dispute_that_is_closed_is_final() -> None:
    """A dispute with stage final is closed, and only such a one."""
    assert disagreeing("dispute.case", DISPUTE, "final") == ["state"]
    assert disagreeing("dispute.case", DISPUTE | {"state": "办结"}, "update") == ["state"]
    assert disagreeing("dispute.case", DISPUTE | {"state": "办结"}, "final") == []


@pytest.mark.parametrize("said", ["身份证 350924199001010000", "电话13900000000。"])
def test_a_brief_for_the_public_has_no_identities(said: str) -> None:
    """Numbers that lead to a person are refused."""
    with pytest.raises(PayloadInvalid, match="facts"):
        model_of("outreach.case_brief", BRIEF | {"facts": said})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("patrol.plan", {"starts_on": "2026-12-04"}),
        ("patrol.plan", {"starts_on": "2026-02-30"}),
        ("patrol.plan", {"route": None}),
        ("liaison.contact", {"month": "2026-13"}),
        ("liaison.contact", {"people": CONTACT["people"][:1]}),
        ("dispute.case", {"parties": DISPUTE["parties"][:1]}),
    ],
)
def test_what_is_half_said_is_refused(name: str, change: dict[str, Any]) -> None:
    """Days in order, a place to go to, both sides named."""
    value = EXAMPLES[f"yizhan.{name}.v1"] | change
    with pytest.raises(PayloadInvalid):
        model_of(name, {field: inner for field, inner in value.items() if inner is not None})
