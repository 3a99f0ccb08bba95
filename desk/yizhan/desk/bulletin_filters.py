"""Filters of the templates of bulletins: quarters, verdicts, the blocks of a sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from yizhan.bulletin.labels import SECTIONS
from yizhan.bulletin.sheet import sheet
from yizhan.consumers.labels import sentence
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _
from yizhan.services.bulletin_text import bulletin_stage_name
from yizhan.services.labels import manifest_kind
from yizhan.services.obligation_text import time_left


def quarter_name(label: str) -> str:
    """Return a quarter as people write it: ``2026年第4季度``."""
    year, quarter = label.split("Q")
    return _("{year}年第{quarter}季度").format(year=year, quarter=quarter)


BULLETIN_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "quarter": quarter_name,
    "time_left": lambda due: time_left(due, utc_now()),
    "verdict": sentence,
    "manifest_kind": manifest_kind,
    "bulletin_stage": bulletin_stage_name,
    "section": lambda name: _(SECTIONS[name]) if name in SECTIONS else name,
    "sheet": lambda editor: sheet(editor.material),
    "block_kind": lambda block: type(block).__name__.lower(),
    "svg": lambda drawing: Markup(drawing.svg),  # noqa: S704 -- drawn by bulletin.charts, every text escaped
}
