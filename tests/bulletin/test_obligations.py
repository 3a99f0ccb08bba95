"""Obligations as they stood at a quarter's end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.bulletin.events import A, B
from yizhan.bulletin.obligations import quarter_obligations
from yizhan.schemas.followups import Followup
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, NOT_OWED, OPENED, OVERDUE

C = "331127"
SINCE, UNTIL = datetime(2026, 6, 30, 16, tzinfo=UTC), datetime(2026, 9, 30, 16, tzinfo=UTC)
NAME = f"feedback/{A}-20260701test-1/{B}"
BY = {"id": f"{B}-20260701test-9", "hash": "1" * 64}


def said(step: str = OPENED, at: str = "2026-08-01T00:00:00.000Z", **more: Any) -> Followup:  # noqa: ANN401 -- any field
    """Write a statement: B owes A a feedback by 16 August."""
    values: dict[str, Any] = {
        "obligation": NAME, "rule": "feedback", "step": step, "owes": [B],
        "owed": [A], "period": "2026-08", "opened": "2026-08-01T00:00:00.000Z", "due": "2026-08-16T00:00:00.000Z",
        "at": at, "charter": "1-0123456789abcdef",
    }  # fmt: skip
    if step in {DISCHARGED, NOT_OWED}:
        values["by"] = BY
    return Followup.model_validate(values | more)


def states(*statements: Followup, pair: tuple[str, str] = (A, B)) -> list[tuple[str, str]]:
    """Return who owes, and how that stood."""
    return [(each.owes, each.state) for each in quarter_obligations(statements, pair, SINCE, UNTIL)]


def test_the_end_of_the_quarter_decides() -> None:
    """Done in time, done late, not done by then although done since, not due by then."""
    assert states(said(), said(DISCHARGED, "2026-08-16T00:00:00.000Z")) == [(B, "met")]
    assert states(said(), said(OVERDUE), said(DISCHARGED, "2026-08-16T00:00:00.001Z")) == [(B, "late")]
    assert states(said(), said(DISCHARGED, "2026-09-30T16:00:00.000Z")) == [(B, "missed")]
    assert states(said(due="2026-09-30T16:00:00.000Z")) == [(B, "due")]
    assert states(said(), said(CANCELLED, "2026-08-02T00:00:00.000Z")) == [(B, "cancelled")]


def test_it_belongs_to_each_quarter_in_which_it_was_open() -> None:
    """What ended before the quarter, or opened after it, is not of it; what is still owed from before is."""
    before = {"opened": "2026-04-01T00:00:00.000Z", "due": "2026-04-05T00:00:00.000Z", "at": "2026-04-01T00:00:00.000Z"}
    assert states(said(**before)) == [(B, "missed")]
    assert states(said(**before), said(DISCHARGED, **before)) == []
    assert states(said(opened="2026-09-30T16:00:00.000Z", at="2026-09-30T16:00:00.000Z")) == []
    assert states(said(NOT_OWED)) == []


def test_where_both_owe_each_is_counted() -> None:
    """An obligation of two together, and nothing of what only one of the two has to do with."""
    assert states(said(owes=[A, B], owed=[])) == [(A, "missed"), (B, "missed")]
    assert states(said(owes=[A, C], owed=[])) == []
    assert states(said(owed=[C])) == []
    assert states(said(owed=[A, C])) == [(B, "missed")]


def test_what_is_owed_again_is_one_obligation() -> None:
    """A withdrawal took the discharge back: it counts as it stands now, once."""
    again = said(obligation=f"{NAME}/{B}-20260701test-10", opened="2026-08-05T00:00:00.000Z")
    assert states(said(), said(DISCHARGED, "2026-08-03T00:00:00.000Z"), again) == [(B, "missed")]


def test_the_order_of_coming_changes_nothing() -> None:
    """Statements in any order, and twice, are the same obligations."""
    told = [said(), said(OVERDUE, "2026-08-16T00:00:00.000Z"), said(DISCHARGED, "2026-08-17T00:00:00.000Z")]
    assert quarter_obligations(told, (A, B), SINCE, UNTIL) == quarter_obligations(
        [*told[::-1], *told], (B, A), SINCE, UNTIL
    )
