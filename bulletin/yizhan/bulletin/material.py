"""The input of a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from yizhan.bulletin.charts import Outline
from yizhan.bulletin.proof import Proof
from yizhan.bulletin.quarter_events import QuarterEvent


@dataclass(frozen=True)
class Material:
    """Everything that a sheet is made from.

    ``names`` are the two counties' by code, ``passages`` the analyst's text by name, ``typical`` the cases
    chosen with the text of each, ``made`` is today, ``maker`` the county that made the sheet.
    """

    figures: Mapping[str, Any]
    events: Sequence[QuarterEvent]
    proof: Proof
    names: Mapping[str, str]
    maker: str
    made: datetime
    passages: Mapping[str, str] = field(default_factory=dict)
    typical: Sequence[tuple[str, str]] | None = None
    outlines: Mapping[str, Outline] = field(default_factory=dict)
    doubts: Sequence[str] = ()
