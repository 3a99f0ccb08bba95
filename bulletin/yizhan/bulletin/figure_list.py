"""The figures that an analyst picks from: name, title and value of each, the usual ones first.

Rule 1: a name is what stands in braces in the text (``text.figure_text``); a value is written as the sheet writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from yizhan.bulletin.labels import COMPARED_NAMES, WAY_NAMES, named
from yizhan.bulletin.text import figure_text
from yizhan.schemas.i18n import _, marked

USUAL: Final = 8
"""So many of the figures stand first: those that most bulletins name."""
_COMPARISONS: Final = {
    "上季度": marked("上季度{what}"),
    "上年同期": marked("上年同期{what}"),
    "环比": marked("{what}，环比"),
    "同比": marked("{what}，同比"),
}
"""What stands before a compared figure's path → how it is called."""
_MORE: Final = {
    "cases.all": marked("案件合计（起）"),
    "cases.clues.all": marked("线索（条）"),
    "cases.plants": marked("涉案野生植物（株）"),
    "fires.crossed": marked("越界火情（起）"),
    "fires.dead": marked("火情死亡（人）"),
    "fires.injured": marked("火情受伤（人）"),
    "disasters.dead": marked("灾害死亡（人）"),
    "disasters.missing": marked("灾害失踪（人）"),
    "disasters.evacuated": marked("转移群众（人）"),
    "hotspots.all": marked("卫星热点（处）"),
    "intelligence.asked": marked("要求反馈（条）"),
    "intelligence.used": marked("已使用（条）"),
    "obligations.all": marked("约定事项（项）"),
    "obligations.met": marked("按期办结（项）"),
    "obligations.late": marked("逾期办结（项）"),
    "obligations.due": marked("未到期（项）"),
    "withdrawn": marked("撤回的事项（件）"),
}
_OF_DIRECTION: Final = {
    "letters": marked("文书（件）"),
    **{way: marked("{way}（件）") for way in WAY_NAMES},
    "superseded": marked("已更正（件）"),
    "withdrawn": marked("已撤回（件）"),
    "exercises": marked("演练、测试（件）"),
}


@dataclass(frozen=True, slots=True)
class NamedFigure:
    """One figure: the name that stands in the text, how it is called, and its value in this quarter."""

    name: str
    title: str
    value: str


def named_figures(made: Mapping[str, Any], counties: Mapping[str, str]) -> tuple[NamedFigure, ...]:
    """Return all figures of a quarter, the usual ones first; ``counties`` are the pair's names by code."""
    found = dict(_titles(made, counties))
    return tuple(each for name, title in found.items() if (each := named_figure(made, name, title)) is not None)


def named_figure(made: Mapping[str, Any], name: str, title: str) -> NamedFigure | None:
    """Return a figure by its name; None where there is none of that name."""
    try:
        return NamedFigure(name, title, figure_text(made, name))
    except KeyError:
        return None


def _titles(made: Mapping[str, Any], counties: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path, title in COMPARED_NAMES.items():
        yield path, _(title)
    for name in made["directions"]:
        source, to = name.split(">")
        for part, title in _OF_DIRECTION.items():
            what = _(title).format(way=named(WAY_NAMES, part))
            yield (
                f"directions.{name}.{part}",
                _("{source}发{to}：{what}").format(
                    source=counties.get(source, source), to=counties.get(to, to), what=what
                ),
            )
    for path, title in _MORE.items():
        yield path, _(title)
    for before, sentence in _COMPARISONS.items():
        for path, title in COMPARED_NAMES.items():
            yield f"{before}.{path}", _(sentence).format(what=_(title))
