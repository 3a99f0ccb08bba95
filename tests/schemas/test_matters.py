"""What belongs together, and how far joint work has come."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import calls
from tests.schemas.payloads.examples import DISPUTE, EXAMPLES, PLAN
from tests.world.simulator import BOOK, QINGYUAN, SHOUNING, World
from yizhan.schemas.header import Header, Ref
from yizhan.schemas.matters import (
    ConsultationDecision,
    CountyAnswer,
    EventRole,
    JointWorkState,
    MatterEvent,
    decisions,
    event_role,
    in_order,
    joint_work,
    matter_ids,
    referenced_ids,
)
from yizhan.schemas.payloads import encode, parse_strict, read

WORLD = World()
HASH = "0" * 64


def told(
    kind: str,
    n: int,
    payload: dict[str, Any] | None = None,
    source: str = SHOUNING,
    **attributes: Any,  # noqa: ANN401 -- any attribute
) -> MatterEvent:
    """Tell of event ``n`` of a county."""
    type_ = f"yizhan.{kind}.v1"
    other = QINGYUAN if source == SHOUNING else SHOUNING
    values = {"id": f"{source}-{BOOK}-{n}", "type": type_, "stage": None, "time": f"2026-11-23T08:00:0{n}.000Z"}
    header = WORLD.header(source, (other,), **(values | attributes))
    return MatterEvent(header, HASH, read(type_, encode(parse_strict(type_, payload or EXAMPLES[type_]))))


def ref(n: int, source: str = SHOUNING) -> dict[str, str]:
    """Name event ``n`` of a county."""
    return {"id": f"{source}-{BOOK}-{n}", "hash": HASH}


def stands(*events: MatterEvent) -> list[tuple[JointWorkState, str]]:
    """Tell how far, of which county."""
    return [(each.stand, each.county) for each in joint_work(events)]


def beside_of(named: list[tuple[str, str]]) -> Callable[[str], set[str]]:
    """Look up in pairs (id, an id that it names)."""
    return lambda one: {pair[1 - side] for pair in named for side in (0, 1) if pair[side] == one}


def test_what_names_each_other_belongs_together() -> None:
    """By any event of it, through any number of others; nothing else."""
    named = [("b", "a"), ("c", "a"), ("d", "c"), ("x", "y")]
    for start in "abcd":
        assert matter_ids(start, beside_of(named)) == set("abcd")
    assert matter_ids("y", beside_of(named)) == {"x", "y"}
    assert matter_ids("z", beside_of(named)) == {"z"}


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=12))
def test_a_matter_is_the_same_from_each_of_its_events(named: list[tuple[str, str]]) -> None:
    """Each event of a matter leads to the same matter."""
    for start in "abcdefgh":
        found = matter_ids(start, beside_of(named))
        assert all(matter_ids(other, beside_of(named)) == found for other in found)


def test_a_header_names_its_thread_and_its_references() -> None:
    """A header names its thread and references once each, and never itself."""
    first = told("incident.forest_fire", 1)
    assert referenced_ids(first.header) == ()
    later = told("incident.forest_fire", 2, subject=ref(1)["id"], supersedes=ref(1), reply_to=ref(7, QINGYUAN))
    assert referenced_ids(later.header) == (ref(1)["id"], ref(7, QINGYUAN)["id"])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"stage": "first"}, EventRole.FIRST),
        ({}, EventRole.REPORT),
        ({"subject": ref(1)["id"], "stage": "update"}, EventRole.UPDATE),
        ({"subject": ref(1)["id"], "supersedes": ref(1), "stage": "update"}, EventRole.CORRECTION),
        ({"withdraws": ref(1)}, EventRole.WITHDRAWAL),
        ({"reply_to": ref(7, QINGYUAN)}, EventRole.REPLY),
        ({"subject": ref(7, QINGYUAN)["id"], "reply_to": ref(7, QINGYUAN)}, EventRole.REPLY),
        ({"subject": ref(7, QINGYUAN)["id"], "reply_to": ref(8, QINGYUAN)}, EventRole.REPLY),
        ({"subject": ref(1)["id"], "reply_to": ref(8, QINGYUAN)}, EventRole.LINK),
        ({"subject": ref(1)["id"], "reply_to": ref(9, QINGYUAN)}, EventRole.LINK),
    ],
)
def test_an_event_is_one_part_of_its_matter(attributes: dict[str, Any], expected: EventRole) -> None:
    """A reply within another's thread links nothing; one from a thread of its own does."""
    threads = {ref(n, QINGYUAN)["id"]: ref(7, QINGYUAN)["id"] for n in (7, 8)}
    assert event_role(told("incident.forest_fire", 2, **attributes), threads) == expected


def test_a_countersignature_is_the_other_countys_plan_in_answer() -> None:
    """Neither the author's own answer nor a mere receipt is one; the answer is no plan to be signed in its turn."""
    plan = told("patrol.plan", 1)
    answer = CountyAnswer("acted", "周某", "331005", None, "2026-11-23T09:00:00.000Z", QINGYUAN)
    assert stands(MatterEvent(plan.header, HASH, plan.contents, (answer,))) == [
        (JointWorkState.AWAITS_COUNTERSIGN, QINGYUAN)
    ]
    own, theirs = (told("patrol.plan", 2, source=each, reply_to=ref(1)) for each in (SHOUNING, QINGYUAN))
    assert stands(plan, own) == [(JointWorkState.AWAITS_COUNTERSIGN, QINGYUAN)]
    reports = [(JointWorkState.AWAITS_REPORT, SHOUNING), (JointWorkState.AWAITS_REPORT, QINGYUAN)]
    assert stands(plan, theirs) == [(JointWorkState.COUNTERSIGNED, QINGYUAN), *reports]
    changed = told("patrol.plan", 3, PLAN | {"ends_on": "2026-12-05"}, source=QINGYUAN, reply_to=ref(1))
    assert stands(plan, changed) == [(JointWorkState.OTHER_PLAN, QINGYUAN)]


def test_a_plan_of_one_county_waits_for_nobodys_signature() -> None:
    """A plan of one county only waits for its own report, not for a countersignature."""
    assert stands(told("patrol.plan", 1, PLAN | {"crews": PLAN["crews"][:1]})) == [
        (JointWorkState.AWAITS_REPORT, SHOUNING)
    ]


def test_what_was_corrected_counts_no_more() -> None:
    """But only its own county takes it back."""
    plan = told("patrol.plan", 1)
    corrected = told("patrol.plan", 2, subject=ref(1)["id"], supersedes=ref(1))
    assert stands(plan, corrected) == [(JointWorkState.AWAITS_COUNTERSIGN, QINGYUAN)]
    assert joint_work((plan, corrected))[0].id == ref(2)["id"]
    assert stands(plan, told("patrol.report", 3, source=QINGYUAN, withdraws=ref(1))) == stands(plan)


def test_a_move_that_the_table_does_not_have_is_named() -> None:
    """Whoever reported it; the last state stands nevertheless."""
    found = told("dispute.case", 1, DISPUTE | {"state": "发现"})
    jumped = told("dispute.case", 2, DISPUTE | {"state": "裁决"}, source=QINGYUAN, subject=ref(1)["id"])
    assert stands(found, jumped) == [(JointWorkState.WRONG_MOVE, QINGYUAN), (JointWorkState.DISPUTE, QINGYUAN)]
    assert [each.said for each in joint_work((found, jumped))] == ["发现 → 裁决", "裁决"]


def test_what_cannot_be_opened_stands_nowhere() -> None:
    """It is in the story, and no step of joint work."""
    plan = told("patrol.plan", 1)
    assert joint_work((MatterEvent(plan.header, HASH, None),)) == ()


def test_events_of_one_instant_have_an_order() -> None:
    """Events of the same instant have the same order on both sides."""
    events = [told("notice", n, {"kind": "text", "text": "一"}, time="2026-11-23T08:00:00.000Z") for n in (3, 1, 2)]
    assert in_order(events) == in_order(reversed(events))
    assert isinstance(events[0].header, Header)


MINUTES: dict[str, Any] = EXAMPLES["yizhan.liaison.consultation.v1"] | {
    "minutes": "议定分工",
    "decisions": [{"what": "各自清理界山防火线", "who": QINGYUAN, "due": "2026-12-01"}] * 3,
}


def minuted(n: int, **attributes: Any) -> MatterEvent:  # noqa: ANN401 -- any attribute
    """Tell of the minutes of a consultation."""
    return told("liaison.consultation", n, MINUTES, **({"stage": "final", "priority": "routine"} | attributes))


@pytest.mark.parametrize(
    ("attributes", "left"),
    [
        ({"withdraws": ref(1)}, 0),
        ({"withdraws": ref(1) | {"hash": "1" * 64}}, 3),
        ({"withdraws": ref(1), "status": "Exercise"}, 3),
        ({"withdraws": ref(1), "source": QINGYUAN, "n": 2}, 3),
    ],
    ids=["by-id-and-hash", "another-hash", "an-exercise", "another-county"],
)
def test_minutes_are_taken_back_by_their_own_county_in_earnest_and_by_hash(
    attributes: dict[str, Any], left: int
) -> None:
    """Nothing else takes a decision out of what is owed."""
    given: dict[str, Any] = {"n": 2, "payload": {"kind": "text", "text": "撤回"}} | attributes
    back = told("notice", **given)
    assert len(list(decisions([minuted(1), back]))) == left


def test_a_decision_more_costs_the_same_however_many_stand_in_the_thread() -> None:
    """Counted in calls: a thousand minutes of one thread cost ten times what a hundred do."""
    cost = dict[int, int]()
    first, notice = minuted(1), told("notice", 2, {"kind": "text", "text": "已办", "decisions": [1]}, QINGYUAN)
    for size in (100, 1000):
        events = [
            dataclasses.replace(first, header=first.header.model_copy(update={"id": f"{SHOUNING}-{BOOK}-{n}"}))
            for n in range(1, size + 1)
        ]
        events += [
            dataclasses.replace(
                notice,
                header=notice.header.model_copy(
                    update={"id": f"{QINGYUAN}-{BOOK}-{n}", "reply_to": Ref(id=f"{SHOUNING}-{BOOK}-{n}", hash=HASH)}
                ),
            )
            for n in range(1, size + 1)
        ]
        found = list[ConsultationDecision]()
        cost[size] = calls(lambda events=events, found=found: found.extend(decisions(events)))  # type: ignore[misc]
        assert [each.by is not None for each in found] == [True, False, False] * size
    assert cost[1000] <= 11 * cost[100]
