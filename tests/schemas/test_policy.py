"""The sample policy as a table, and tables that must not load."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.world.each import each
from tests.world.simulator import BOOK, World
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.header import NOTICE, RECEIPT, Header
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.policy import MAX_ROUTES, MAX_ROWS, Policy, PolicyFile, Way, decide
from yizhan.schemas.policy_facts import ABSENT, ATTRIBUTES, facts
from yizhan.schemas.sample import sample_policy

WORLD = World()
POLICY = WORLD.charter.policy
US, THEM, THIRD = "331126", "350924", "330327"
PLAIN = WORLD.header(priority="routine", stage=None, touches=None).model_dump(exclude_none=True)
REF = {"id": f"350924-{BOOK}-1", "hash": "0" * 64}
WORDS = {"zh": "因为", "en": "because"}
FIRE, DISASTER, HOTSPOT, CRIME = (
    "incident.forest_fire", "incident.natural_disaster", "incident.hotspot", "incident.eco_crime",
)  # fmt: skip
INTELLIGENCE, REQUEST, DISPUTE = "intelligence.report", "assistance.request", "dispute.case"
A, N, D = Way.ALARM, Way.NOTICE, Way.DIGEST


def header(kind: str, **attributes: Any) -> Header:  # noqa: ANN401 -- of any attribute
    """Write a header of one type; a reference is named by its word alone."""
    refers = {name: REF for name in ("reply_to", "supersedes", "withdraws") if attributes.pop(name, False)}
    return Header.model_validate(PLAIN | {"type": f"yizhan.{kind}.v1"} | attributes | refers)


def fires(kind: str, rule: str) -> list[tuple[str, dict[str, Any], Way, str]]:
    """Fires and disasters: life before tidiness."""
    us, others = {"touches": (US,)}, {"touches": (THIRD,)}
    return [
        (kind, us | {"stage": "first"}, A, rule),
        (kind, us | {"stage": "first", "grade": 4, "priority": "routine"}, A, rule),
        (kind, us | {"stage": "first", "certainty": "Unlikely"}, A, rule),
        (kind, us | {"stage": "first", "reply_to": True}, A, rule),
        (kind, us | {"touches": (US, THIRD), "stage": "first"}, A, rule),
        # What is missing or doubtful rings.
        (kind, us, A, rule),
        (kind, {"stage": "first"}, A, rule),
        (kind, {}, A, rule),
        (kind, {"touches": ()}, A, rule),
        # What grew rings, in whatever stage, and also as a correction.
        (kind, us | {"stage": "update", "worse": True}, A, rule),
        (kind, us | {"stage": "final", "worse": True}, A, rule),
        (kind, {"stage": "update", "worse": True}, A, rule),
        (kind, us | {"stage": "update", "worse": True, "supersedes": True}, A, rule),
        # Updates, corrections, withdrawals and exercises do not.
        (kind, us | {"stage": "update"}, N, "answer"),
        (kind, us | {"stage": "update", "worse": False}, N, "answer"),
        (kind, us | {"stage": "final"}, N, "answer"),
        (kind, us | {"stage": "first", "supersedes": True}, N, "answer"),
        (kind, us | {"stage": "first", "withdraws": True}, N, "answer"),
        (kind, us | {"stage": "update", "worse": True, "withdraws": True}, N, "answer"),
        (kind, us | {"stage": "first", "status": "Exercise"}, N, "exercise"),
        (kind, us | {"stage": "first", "status": "Test", "priority": "flash", "worse": True}, N, "exercise"),
        # What touches others waits, unless it is news of something running.
        (kind, others | {"stage": "first"}, D, "rest"),
        (kind, others | {"stage": "first", "worse": True, "grade": 1, "priority": "flash"}, D, "rest"),
        (kind, others | {"stage": "update"}, N, "answer"),
    ]


CASES: list[tuple[str, dict[str, Any], Way, str]] = [
    *fires(FIRE, "fire"),
    *fires(DISASTER, "disaster"),
    (HOTSPOT, {"touches": (US,), "certainty": "Observed"}, A, "hotspot"),
    (HOTSPOT, {"touches": (US,), "certainty": "Likely"}, A, "hotspot"),
    (HOTSPOT, {"touches": (US,), "certainty": "Possible"}, N, "doubtful-hotspot"),
    (HOTSPOT, {"touches": (US,)}, N, "doubtful-hotspot"),
    (HOTSPOT, {"touches": (US,), "certainty": "Observed", "supersedes": True}, N, "answer"),
    (HOTSPOT, {"touches": (THIRD,), "certainty": "Observed"}, D, "rest"),
    (HOTSPOT, {"certainty": "Observed"}, D, "rest"),
    (HOTSPOT, {"touches": (US,), "certainty": "Observed", "status": "Exercise"}, N, "exercise"),
    (CRIME, {"touches": (US,), "grade": 1, "stage": "first"}, A, "major-crime"),
    (CRIME, {"touches": (US,), "grade": 2}, A, "major-crime"),
    (CRIME, {"touches": (US,), "grade": 2, "stage": "update", "worse": True}, A, "major-crime"),
    (CRIME, {"touches": (US,), "grade": 2, "stage": "update", "worse": True, "supersedes": True}, A, "major-crime"),
    (CRIME, {"touches": (US,), "grade": 1, "stage": "update"}, D, "rest"),
    (CRIME, {"touches": (US,), "grade": 3, "stage": "first"}, D, "rest"),
    (CRIME, {"touches": (US,), "stage": "first", "worse": True}, D, "rest"),
    (CRIME, {"grade": 1, "stage": "first"}, D, "rest"),
    (CRIME, {"touches": (US,), "grade": 1, "stage": "first", "supersedes": True}, N, "answer"),
    (INTELLIGENCE, {"priority": "flash"}, A, "urgent-intelligence"),
    (INTELLIGENCE, {"grade": 1}, A, "urgent-intelligence"),
    (INTELLIGENCE, {"grade": 2, "reply_to": True}, A, "urgent-intelligence"),
    (INTELLIGENCE, {"priority": "urgent", "grade": 3}, D, "rest"),
    (INTELLIGENCE, {"priority": "flash", "withdraws": True}, N, "answer"),
    (INTELLIGENCE, {"reply_to": True}, N, "answer"),
    (REQUEST, {"priority": "flash"}, A, "urgent-assistance"),
    (REQUEST, {"priority": "flash", "supersedes": True}, N, "answer"),
    (REQUEST, {"priority": "urgent"}, N, "cooperation"),
    ("assistance.response", {"reply_to": True}, N, "answer"),
    ("assistance.response", {"priority": "flash"}, N, "cooperation"),
    ("liaison.consultation", {}, N, "cooperation"),
    ("liaison.contact", {}, N, "cooperation"),
    ("intelligence.bulletin", {}, N, "cooperation"),
    ("patrol.plan", {}, N, "cooperation"),
    ("patrol.plan", {"withdraws": True}, N, "answer"),
    (DISPUTE, {"priority": "urgent"}, A, "hot-dispute"),
    (DISPUTE, {"priority": "flash"}, A, "hot-dispute"),
    (DISPUTE, {}, D, "rest"),
    (DISPUTE, {"priority": "flash", "reply_to": True}, N, "answer"),
    (DISPUTE, {"priority": "urgent", "status": "Exercise"}, N, "exercise"),
    ("intelligence.feedback", {}, D, "rest"),
    ("intelligence.feedback", {"reply_to": True}, N, "answer"),
    ("patrol.report", {}, D, "rest"),
    ("outreach.campaign", {}, D, "rest"),
    ("outreach.case_brief", {"priority": "flash"}, D, "rest"),
    ("weather.report", {"priority": "flash", "grade": 1}, D, "rest"),
    ("notice", {}, N, "protocol"),
    ("notice", {"status": "Exercise", "priority": "flash"}, N, "protocol"),
]


@each("kind, attributes, way, rule", CASES)
def test_the_sample_decides(kind: str, attributes: dict[str, Any], way: Way, rule: str) -> None:
    """What arrives how, by which rule: the sample policy in words of the agreement."""
    decision = decide(header(kind, **attributes), US, POLICY)
    assert (decision.way, decision.rule) == (way, rule)


def test_every_route_of_the_sample_is_tried_above() -> None:
    """The table above knows every route, so a new one is noticed."""
    assert {rule for *_, rule in CASES} == {route.id for route in POLICY.routes}


def test_receipts_travel_by_protocol() -> None:
    """Whatever else a receipt's header says, it arrives at once and quietly."""
    receipt = {"stage": "acknowledged", "event": REF}
    for extra in ({}, {"withdraws": True}, {"status": "Test"}, {"grade": 1, "priority": "flash"}):
        decision = decide(header("receipt", receipt=receipt, **extra), THEM, POLICY)
        assert (decision.way, decision.rule) == (N, "protocol")


def test_one_event_reaches_each_recipient_in_its_own_way() -> None:
    """A fire rings where it touches and waits where it does not."""
    fire = header(FIRE, stage="first", touches=(US,), to=(THIRD, US), lanes={})
    assert [decide(fire, code, POLICY).way for code in fire.to] == [D, A]


def test_a_decision_says_why_in_both_languages() -> None:
    """Every route cites what it rests on."""
    for route in POLICY.routes:
        assert route.because.zh
        assert route.because.en.isascii() or "–" in route.because.en


@pytest.mark.parametrize(("way", "lane"), [(A, "prompt"), (N, "prompt"), (D, "digest")])
def test_each_way_has_its_lane(way: Way, lane: str) -> None:
    """What goes at once is counted in one lane, what waits in the other."""
    assert way.lane == lane


FACTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*TYPES, "yizhan.weather.report.v1"]),
        "status": st.sampled_from(["Actual", "Exercise", "Test"]),
        "priority": st.sampled_from(["flash", "urgent", "routine"]),
    },
    optional={
        "grade": st.integers(1, 4),
        "certainty": st.sampled_from(["Observed", "Likely", "Possible", "Unlikely", "Unknown"]),
        "touches": st.sampled_from([(), (US,), (THIRD,), (US, THIRD)]),
        "stage": st.sampled_from(["first", "update", "final"]),
        "worse": st.booleans(),
        "reply_to": st.just(REF),
        "supersedes": st.just(REF),
        "withdraws": st.just(REF),
    },
)


def naive(facts_: dict[str, str]) -> str:
    """Read policy.json as a stranger would: the first route with a row of which nothing differs."""
    if facts_["type"] in (RECEIPT, NOTICE):
        return "protocol"
    return next(
        str(route["id"])
        for route in sample_policy()["routes"]
        if any(all(facts_[name] in values for name, values in row.items()) for row in route["when"])
    )


@given(attributes=FACTS)
def test_every_header_gets_exactly_one_decision(attributes: dict[str, Any]) -> None:
    """Any header at all is decided, by the rule that a plain reading of the table gives, each time again."""
    if attributes["type"] == RECEIPT:
        attributes["receipt"] = {"stage": "acted", "event": REF}
    event = Header.model_validate(PLAIN | attributes)
    for recipient in (US, THEM):
        known = facts(event, recipient)
        assert known.keys() == ATTRIBUTES.keys()
        assert all(value in ATTRIBUTES[name] for name, value in known.items())
        decision = decide(event, recipient, POLICY)
        assert decision.rule == naive(known)
        assert decision == decide(event, recipient, POLICY)


@given(attributes=FACTS)
def test_an_exercise_never_rings(attributes: dict[str, Any]) -> None:
    """Whatever else it says, what is not Actual arrives quietly."""
    attributes |= {"status": "Exercise"}
    if attributes["type"] == RECEIPT:
        attributes["receipt"] = {"stage": "acted", "event": REF}
    assert decide(Header.model_validate(PLAIN | attributes), US, POLICY).way is N


def route(name: str, *when: dict[str, list[str]], then: str = "notice") -> dict[str, Any]:
    """Write a route as policy.json has it."""
    return {"id": name, "when": list(when), "then": then, "because": WORDS}


def policy(*routes: dict[str, Any], rest: bool = True) -> Policy:
    """Load a table, with a last route for everything unless told."""
    table = [*routes, *([route("rest", {}, then="digest")] if rest else [])]
    return Policy(PolicyFile.model_validate({"border_strip_km": 10, "routes": table}))


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ([route("aa", {"colour": ["red"]})], "unknown attribute"),
        ([route("aa", {"kid": ["0" * 64]})], "unknown attribute"),
        ([route("aa", {"stage": ["later"]})], "stage is never 'later'"),
        ([route("aa", {"grade": ["5"]})], "grade is never '5'"),
        ([route("aa", {"type": ["yizhan.incident.flood.v1"]})], "type is never"),
        ([route("aa", {"worse": ["absent"]})], "worse is never 'absent'"),
        ([route("protocol", {"status": ["Test"]})], "taken"),
        ([route("aa", {"status": ["Test"]}), route("aa", {"stage": ["first"]})], "ids must differ"),
        ([route("aa", {}), route("bb", {"status": ["Test"]})], "row 1 of route bb is never reached"),
        (
            [route("aa", {"status": ["Test"]}), route("bb", {"status": ["Test"], "stage": ["first"]})],
            "row 1 of route bb",
        ),
        ([route("aa", {"status": ["Test"]}, {"stage": ["first"], "status": ["Test"]})], "row 2 of route aa"),
        ([route("aa", {"status": ["Test", "Exercise"]}), route("bb", {"status": ["Actual"]})], "row 1 of route rest"),
        ([route("aa", {"worse": ["yes"]}), route("bb", {"worse": ["no"]})], "row 1 of route rest"),
        ([route("aa", {"type": [RECEIPT]})], "row 1 of route aa is never reached"),
        ([route("aa", {"type": [RECEIPT, NOTICE]})], "row 1 of route aa is never reached"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_doubtful_table_does_not_load(routes: list[dict[str, Any]], said: str) -> None:
    """Unknown words, an id twice, and what nothing can reach: each is named."""
    with pytest.raises(CharterInvalid, match=said):
        policy(*routes)


def test_reach_is_judged_by_all_earlier_rows_together() -> None:
    """Three rows that none alone, but all together, take everything of a fourth."""
    rows = [
        {"stage": ["first"]}, {"stage": ["update", "final"], "worse": ["yes"]},
        {"stage": ["update", "absent"], "worse": ["no"]}, {"stage": ["absent"], "worse": ["yes"]},
    ]  # fmt: skip
    policy(route("aa", *rows), route("bb", {"stage": ["final"], "priority": ["flash"]}))
    with pytest.raises(CharterInvalid, match="route bb is never reached"):
        policy(route("aa", *rows), route("bb", {"stage": ["update", "absent"]}))


@pytest.mark.parametrize("last", [{"status": ["Actual"]}, {"stage": ["first", "update", "final"]}])
def test_the_last_route_matches_everything(last: dict[str, list[str]]) -> None:
    """A table with a gap at its end does not load, nor does one that lists every value but one."""
    with pytest.raises(CharterInvalid, match="must match everything"):
        policy(route("aa", last), rest=False)


def test_every_value_listed_is_everything() -> None:
    """A row that lists all values of an attribute is as good as one that leaves it out."""
    last = {"status": sorted(ATTRIBUTES["status"]), "stage": sorted(ATTRIBUTES["stage"])}
    assert policy(route("aa", last), rest=False).routes[-1].id == "aa"


GOOD_ROUTE = route("aa", {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"routes": []},
        {"routes": [GOOD_ROUTE | {"when": []}]},
        {"routes": [GOOD_ROUTE | {"when": [{"stage": []}]}]},
        {"routes": [GOOD_ROUTE | {"when": [{"stage": "first"}]}]},
        {"routes": [GOOD_ROUTE | {"then": "siren"}]},
        {"routes": [GOOD_ROUTE | {"because": {"zh": "因为"}}]},
        {"routes": [GOOD_ROUTE | {"because": {"zh": "", "en": ""}}]},
        {"routes": [GOOD_ROUTE | {"id": "A"}]},
        {"routes": [GOOD_ROUTE | {"id": "a" * 33}]},
        {"routes": [GOOD_ROUTE | {"unless": []}]},
        {"routes": [GOOD_ROUTE] * (MAX_ROUTES + 1)},
        {"routes": [GOOD_ROUTE | {"when": [{}] * (MAX_ROWS + 1)}]},
        {"routes": [GOOD_ROUTE], "border_strip_km": -1},
        {"routes": [GOOD_ROUTE], "border_strip_km": 10.0},
        {"routes": [GOOD_ROUTE], "obligations": [{}]},
        {"routes": [GOOD_ROUTE], "border_strip_km": None},
    ],
    ids=str,
)
def test_empty_means_invalid(wrong: dict[str, Any]) -> None:
    """No route, no row, no value, no reason: the file is refused by its form."""
    with pytest.raises(ValidationError):
        PolicyFile.model_validate({"border_strip_km": 10, **wrong})


def test_a_table_made_to_be_slow_is_checked_in_seconds() -> None:
    """Rows that each leave out one value of every attribute cut the most pieces; the check still ends."""
    values = [(name, sorted(values)) for name, values in ATTRIBUTES.items()]
    rows = [
        {
            name: [value for value in all_ if value != all_[(n * 7 + i) % len(all_)]]
            for i, (name, all_) in enumerate(values)
        }
        for n in range(MAX_ROWS)
    ]
    began = time.perf_counter()
    with contextlib.suppress(CharterInvalid):
        policy(route("slow", *rows))
    assert time.perf_counter() - began < 20


def test_absent_is_a_value() -> None:
    """What a missing attribute means stands in the table."""
    known = facts(header("weather.report"), US)
    assert {name for name, value in known.items() if value == ABSENT} == {"grade", "certainty", "touches", "stage"}
    assert known["worse"] == "no"
    assert known["type"] == "any other type"
