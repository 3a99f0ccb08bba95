"""What is said of a bulletin, for every face: the items of a check, how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from yizhan.bulletin.agreement import FigureComparison
from yizhan.schemas.i18n import _, marked
from yizhan.services.home import Home

STAGE_NAMES: Final[Mapping[str, str]] = {
    "writing": marked("起草"),
    "review": marked("已送审"),
    "queued": marked("已签发，正在发出"),
    "refused": marked("没有发出"),
    "issued": marked("已签发"),
}
_SHA256_DIGITS: Final = 64


def bulletin_stage_name(stage: str) -> str:
    """Return how far a bulletin is, in words."""
    return _(STAGE_NAMES[stage])


def comparison_title(home: Home, item: FigureComparison) -> str:
    """Return what an item of a check compares."""
    kind, _dot, rest = item.item.partition(".")
    if kind == "directions":
        source, to = rest.split(">")
        return f"{home.member_name(source)}→{home.member_name(to)}"
    return _("{county}的清单").format(county=home.member_name(rest)) if kind == "manifests" else item.title


def short_value(value: str) -> str:
    """Shorten the hashes in a value: enough of them is shown to see that they differ."""
    return " ".join(f"{word[:12]}…" if len(word) == _SHA256_DIGITS else word for word in value.split())
