"""Decisions for programs: recipient → way, rule, and the clause behind it in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yizhan.schemas.policy import Decision


def decisions_json(made: Mapping[str, Decision]) -> dict[str, dict[str, Any]]:
    """Return decisions by recipient."""
    return {
        code: {"way": each.way.value, "rule": each.rule, "because": {"zh": each.because.zh, "en": each.because.en}}
        for code, each in made.items()
    }
