"""Labels of the sheet's codes: Chinese, translated where shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from yizhan.schemas.codes import CODES
from yizhan.schemas.i18n import _, get_language, marked

PLACES: Final = {"judgement": marked("形势研判"), "suggestions": marked("工作建议")}
"""Passages of the analyst that are sections of their own."""
SECTIONS: Final = {
    "overview": marked("总体情况"),
    "typical": marked("典型案例"),
    **PLACES,
}
"""Passages of the analyst, in the order of the sheet."""
OVERVIEW: Final = marked(
    "本季度双方互通文书{letters}件。涉及案件{cases}起，其中刑事案件{criminal}起、行政案件{administrative}起、"
    "线索{clues}条；刑事案件立案{filed}起、侦破{solved}起、移诉{sent}起。涉案木材{timber}立方米，"
    "野生动物{animals}只。森林火情{fires}起，过火面积{burnt}公顷，受害森林面积{forest}公顷，"
    "死亡{dead}人，受伤{injured}人。互通情报{intelligence}条，已反馈{fed_back}条。"
)
SUMMARY: Final = {
    "letters": "letters",
    "cases": "cases.all",
    "criminal": "cases.criminal.all",
    "administrative": "cases.administrative.all",
    "clues": "cases.clues.all",
    "filed": "cases.criminal.reached.立案",
    "solved": "cases.criminal.reached.侦破",
    "sent": "cases.criminal.reached.移诉",
    "timber": "cases.timber_m3",
    "animals": "cases.animals",
    "fires": "fires.all",
    "burnt": "fires.burnt_ha",
    "forest": "fires.forest_ha",
    "dead": "fires.dead",
    "injured": "fires.injured",
    "intelligence": "intelligence.all",
    "fed_back": "intelligence.fed_back",
}
"""Placeholder of ``OVERVIEW`` → figure."""
COMPARED_NAMES: Final = {
    "letters": marked("互通文书（件）"),
    "cases.criminal.all": marked("刑事案件（起）"),
    "cases.criminal.reached.立案": marked("其中立案（起）"),
    "cases.criminal.reached.侦破": marked("其中侦破（起）"),
    "cases.criminal.reached.移诉": marked("其中移诉（起）"),
    "cases.administrative.all": marked("行政案件（起）"),
    "cases.timber_m3": marked("涉案木材（立方米）"),
    "cases.animals": marked("涉案野生动物（只）"),
    "fires.all": marked("森林火情（起）"),
    "fires.burnt_ha": marked("过火面积（公顷）"),
    "fires.forest_ha": marked("受害森林面积（公顷）"),
    "disasters.all": marked("自然灾害（起）"),
    "intelligence.all": marked("互通情报（条）"),
    "intelligence.fed_back": marked("反馈情报（条）"),
    "obligations.missed": marked("逾期未办（项）"),
}
OBLIGATION_STATES: Final = {
    "met": marked("按期办结"),
    "late": marked("逾期办结"),
    "missed": marked("逾期未办"),
    "due": marked("未到期"),
    "cancelled": marked("取消"),
}
OPEN_NAMES: Final = {
    "burning": marked("火情未了"),
    "no_feedback": marked("情报待反馈"),
    "no_answer": marked("协助待答复"),
    "dispute": marked("纠纷未结"),
    "unverified": marked("热点待核查"),
    "due": marked("约定未到期"),
    "missed": marked("逾期未办"),
}
WAY_NAMES: Final = {"alarm": marked("报警"), "notice": marked("通知"), "digest": marked("季度")}


def quantity(value: float) -> str:
    """Write a figure in full: never in powers of ten.

    >>> quantity(1234567.5), quantity(3)
    ('1234567.5', '3')
    """
    return f"{value:.3f}".rstrip("0").rstrip(".")


def change(old: float, now: float) -> str:
    """Write a change in per cent; a change from zero has none.

    >>> change(4, 5), change(4, 4), change(0, 3)
    ('+25%', '0%', '—')
    """
    if old == 0:
        return "0%" if now == 0 else "—"
    share = f"{(now - old) / old * 100:+.1f}".rstrip("0").rstrip(".")
    return "0%" if share in {"+0", "-0"} else share + "%"


def named(table: Mapping[str, str], word: str) -> str:
    """Return a table's label of a word, in the chosen language; an unknown word unchanged."""
    name = table.get(word)
    return word if name is None else _(name)


def code_name(listed: str, value: str) -> str:
    """Return a code list's label of a value, in the chosen language; an unknown value unchanged.

    >>> code_name("protections", "三级")
    '三级'
    """
    code = CODES[listed].find(value)
    if code is None:
        return value
    return code.name if get_language() == "zh_CN" else code.en
