"""What a form proposes from a position."""

from __future__ import annotations

from yizhan.producers.geography import sample_outlines
from yizhan.producers.proposals import AllianceMap

AROUND = AllianceMap(sample_outlines(), frozenset({"350924", "331126"}), 10)


def test_a_position_near_the_border_says_whom_it_touches() -> None:
    """Distance and bearing of the border, and the members within the policy's strip."""
    seen = AROUND.surroundings(119.2951, 27.4115, "350924")
    assert (seen.county, seen.nearest, seen.touches) == ("350924", "331126", ("331126",))
    assert seen.border is not None
    assert 2500 < seen.border["distance_m"] < 3200
