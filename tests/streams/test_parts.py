"""Two parts of a station that share the members: each obligation has one owner, each step one statement."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.streams.followup_cases import PARTNER, SOURCE, THIRD, Watch
from tests.world.simulator import NOW, World
from yizhan.schemas import topics
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.followups import Followup
from yizhan.schemas.statements import read_statement
from yizhan.streams.followups import Followed
from yizhan.streams.parts import Share

if TYPE_CHECKING:
    from collections.abc import Mapping

ACKNOWLEDGE = ("second-phone", "liaison-officer", "leader", "overdue")


class Parts:
    """Part ``east`` serves the partner, part ``main`` everybody else; what one observes reaches the other when told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.world = World()
        self.assigned: Mapping[str, str] = {PARTNER: "east"}
        self.main, self.east = (Watch(self.world) for _ in range(2))
        self.read = {"main": 0, "east": 0}
        for watch, part in ((self.main, topics.MAIN), (self.east, "east")):
            watch.members = Share.of(self.world.counties, part, self.assigned)
            watch.revive()

    def tell(self) -> list[Followup]:
        """Let each part learn what the other observed; return the statements that follow."""
        said = []
        for name, watch, other in (("east", self.east, self.main), ("main", self.main, self.east)):
            while self.read[name] < len(other.observed):
                offset = self.read[name]
                self.read[name] += 1
                said += watch.enter(self.learn(watch, other.observed[offset], offset))
        return said

    @staticmethod
    def learn(watch: Watch, value: bytes, offset: int) -> Followed:
        """Let a part read one observation."""
        return watch.follower.learn(Record(topics.OBSERVATIONS, 0, offset, NOW, value))

    def tick(self, minutes: float) -> list[str]:
        """Let time pass at both parts; return the steps of acknowledgements that fell due."""
        at = NOW + timedelta(minutes=minutes)
        said = [*self.main.tick(at), *self.east.tick(at)]
        return [each.step for each in said if each.rule == "acknowledge"]


@pytest.fixture
def parts() -> Parts:
    """Two parts, a month that has begun."""
    made = Parts()
    made.tick(-1)
    made.tell()
    return made


def test_an_answer_at_one_part_discharges_what_was_opened_at_another(parts: Parts) -> None:
    """The answer's postmark says so, and nobody is reminded."""
    fire = parts.main.event(SOURCE, (PARTNER,))
    opened = parts.main.observe(fire)
    assert [each.step for each in opened if each.rule == "acknowledge"] == ["opened"]
    assert parts.tell() == []
    answered = parts.east.observe(parts.east.acknowledgement(fire, PARTNER))
    assert [each.step for each in answered if each.rule == "acknowledge"] == ["discharged"]
    parts.tell()
    assert parts.tick(60) == []


def test_its_owner_alone_reminds(parts: Parts) -> None:
    """Each step is said by the part that serves who owes, and by it once."""
    parts.main.observe(parts.main.event(SOURCE, (PARTNER,)))
    parts.tell()
    at = NOW + timedelta(hours=1)
    assert [each.step for each in parts.main.tick(at) if each.rule == "acknowledge"] == []
    assert {each.step for each in parts.east.tick(at) if each.rule == "acknowledge"} == set(ACKNOWLEDGE)


def test_an_answer_that_came_before_its_opening_was_learnt_discharges_it_then(parts: Parts) -> None:
    """It is said by a statement of its own, under the answer's instant, and nobody is reminded."""
    fire = parts.main.event(SOURCE, (PARTNER,))
    parts.main.observe(fire)
    answer = parts.east.acknowledgement(fire, PARTNER)
    assert [each for each in parts.east.observe(answer) if each.rule == "acknowledge"] == []
    late = parts.tell()
    assert [(each.rule, each.step) for each in late] == [("acknowledge", "discharged")]
    assert late[0].by is not None
    parts.read["east"] = 0  # whatever is read again says nothing new
    assert parts.tell() == []
    assert parts.tick(60) == []


def test_a_withdrawal_at_one_part_cancels_what_another_owns(parts: Parts) -> None:
    """The owner learns it and is silent."""
    fire = parts.main.event(SOURCE, (PARTNER,))
    parts.main.observe(fire)
    parts.tell()
    event = admit(fire, parts.world.charter)
    named = {"id": event.header.id, "hash": event.verified.hash.hex()}
    withdrawn = parts.main.observe(
        parts.main.event(SOURCE, (PARTNER,), NOW + timedelta(minutes=1), withdraws=named, subject=event.header.id)
    )
    assert "cancelled" in [each.step for each in withdrawn if each.rule == "acknowledge"]
    parts.tell()
    assert parts.tick(60) == []


def test_a_part_that_dies_says_the_same_again(parts: Parts) -> None:
    """What was said and perhaps not told is told again; nothing is said in another way."""
    fire = parts.main.event(SOURCE, (PARTNER,))
    first = parts.main.observe(fire, dies_before_table=True)
    parts.main.observed.pop()  # it died before it told anybody
    parts.main.revive()
    assert [each.signed_hash() for each in parts.main.observe(fire)] == [each.signed_hash() for each in first]
    parts.tell()
    answered = parts.east.observe(parts.east.acknowledgement(fire, PARTNER))
    assert [each.step for each in answered if each.rule == "acknowledge"] == ["discharged"]


def test_a_period_is_opened_by_one_part(parts: Parts) -> None:
    """Of each pair by the part that serves who owes; of what both owe by that of the first."""
    opened = [set(watch.obligations()) for watch in (parts.main, parts.east)]
    said = {name for watch in (parts.main, parts.east) for name in _said(watch)}
    assert said == opened[0] | opened[1]
    assert not set(_said(parts.main)) & set(_said(parts.east))


def _said(watch: Watch) -> list[str]:
    found = [read_statement(Followup, each, watch.world.charter)[0] for each in watch.audit]
    return [each.obligation for each in found if each.step == "opened"]


def test_what_two_owe_together_is_discharged_by_its_owner_for_an_event_of_another_part(parts: Parts) -> None:
    """The part that handles the event asks, the owner says it once."""
    year = f"{NOW.year}"
    name = f"consultation/{year}/{min(SOURCE, PARTNER)}-{max(SOURCE, PARTNER)}"
    assert name in parts.east.obligations()
    assert name in parts.main.obligations()
    event: dict[str, Any] = {
        "type": "yizhan.liaison.consultation.v1", "stage": "final", "period": year, "priority": "routine",
        "touches": None,
    }  # fmt: skip
    owner, other = (parts.main, parts.east) if min(SOURCE, PARTNER) != PARTNER else (parts.east, parts.main)
    source, to = (PARTNER, SOURCE) if other is parts.east else (SOURCE, PARTNER)
    record = other.event(source, (to,), **event)
    assert [each for each in other.observe(record) if each.rule == "consultation"] == []
    assert [(each.obligation, each.step) for each in parts.tell()] == [(name, "discharged")]
    assert owner.obligations()[name].ended is not None
    assert other.obligations()[name].ended is not None


def test_a_reply_to_somebody_elses_request_is_told_so_across_parts(parts: Parts) -> None:
    """A recipient's part knows what the event opened, also where its own county owes nothing."""
    plain: dict[str, Any] = {"stage": None, "touches": None, "priority": "routine"}
    request = parts.main.event(
        SOURCE, (THIRD, PARTNER), type="yizhan.intelligence.report.v1", wants="feedback", **plain
    )
    parts.main.observe(request)
    parts.tell()
    assert f"feedback/{admit(request, parts.world.charter).header.id}/{PARTNER}" in parts.east.obligations()


def test_nobody_shares_where_nothing_is_assigned() -> None:
    """Without an assignment the main part serves all, and no other part anybody."""
    members = ("350924", "331126")
    assert Share.of(members, topics.MAIN, None) == Share(("331126", "350924"), ("331126", "350924"))
    assert Share.of(members, "east", None).serves == ()
    assert Share.of(members, "east", {"350924": "east"}).serves == ("350924",)
    assert Share.of(members, topics.MAIN, {"350924": "east"}).serves == ("331126",)
