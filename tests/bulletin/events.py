"""Letters of two counties, made up: what a bulletin is counted from."""

from __future__ import annotations

from typing import Any

from tests.world.simulator import seed
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.schemas.payloads.table import ECO_CRIME
from yizhan.schemas.policy import Way

A, B = "331126", "350924"
ZONE = "Asia/Shanghai"


def one(number: int, type_: str = ECO_CRIME, source: str = B, **said: Any) -> QuarterEvent:  # noqa: ANN401 -- any attribute
    """Write an event: a criminal case, unless told otherwise; ``raw`` adds to its payload."""
    event_id = f"{source}-20260701test-{number}"
    raw: dict[str, Any] = {"summary": "某案"}
    if type_ == ECO_CRIME:
        raw |= {"nature": "刑事", "charge": "盗伐林木", "case_stage": "受案"}
    raw |= said.pop("raw", {})
    values: dict[str, Any] = {
        "id": event_id,
        "hash": seed(event_id).hex(),
        "source": source,
        "to": A if source == B else B,
        "type": type_,
        "time": f"2026-07-{number % 28 + 1:02d}T02:00:00.000Z",
        "way": Way.DIGEST,
        "thread": event_id,
    }
    return QuarterEvent(**(values | said), raw=raw)
