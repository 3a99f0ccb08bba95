"""The policy as a document, in Chinese and English, generated from the routing table.

Rule 1: no sentence about a rule is written by hand: the document states what the program does.
Rule 2: the words for attributes and values are defined in one place, in both languages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.i18n import catalogue, marked
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.policy_facts import ATTRIBUTES

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charter

ATTRIBUTE_NAMES: Final = {
    "type": marked("类型"),
    "status": marked("性质"),
    "priority": marked("缓急"),
    "grade": marked("级别"),
    "certainty": marked("把握"),
    "stage": marked("阶段"),
    "worse": marked("加重"),
    "touches": marked("涉及"),
    "refers": marked("关联"),
}
VALUE_NAMES: Final = {
    ("status", "Actual"): marked("实际"),
    ("status", "Exercise"): marked("演练"),
    ("status", "Test"): marked("测试"),
    ("priority", "flash"): marked("特急"),
    ("priority", "urgent"): marked("加急"),
    ("priority", "routine"): marked("平急"),
    ("grade", "1"): marked("一级（特别重大）"),
    ("grade", "2"): marked("二级（重大）"),
    ("grade", "3"): marked("三级（较大）"),
    ("grade", "4"): marked("四级（一般）"),
    ("certainty", "Observed"): marked("已证实"),
    ("certainty", "Likely"): marked("很可能"),
    ("certainty", "Possible"): marked("可能"),
    ("certainty", "Unlikely"): marked("不大可能"),
    ("certainty", "Unknown"): marked("不明"),
    ("stage", "first"): marked("首报"),
    ("stage", "update"): marked("续报"),
    ("stage", "final"): marked("终报"),
    ("worse", "yes"): marked("是"),
    ("worse", "no"): marked("否"),
    ("touches", "recipient"): marked("收件县"),
    ("touches", "others"): marked("只涉及别县"),
    ("refers", "withdraws"): marked("撤回"),
    ("refers", "supersedes"): marked("更正"),
    ("refers", "reply_to"): marked("答复"),
    ("refers", "none"): marked("无"),
    ("type", "any other type"): marked("其他类型"),
}
ABSENT: Final = marked("未填")
ANYTHING: Final = marked("任何情形")
WAY_NAMES: Final = {"alarm": marked("报警"), "notice": marked("即时通知"), "digest": marked("季度通报")}
_HEADS: Final = (marked("序"), marked("规则"), marked("情形"), marked("方式"), marked("依据"))


def translated(language: str, message: str) -> str:
    """Return a marked sentence in a language."""
    return catalogue(language).get(message, message)


def value_name(language: str, attribute: str, value: str) -> str:
    """Return the name of a value."""
    if (attribute, value) in VALUE_NAMES:
        return translated(language, VALUE_NAMES[attribute, value])
    if value == "absent":
        return translated(language, ABSENT)
    row = TYPES.get(value)
    return value if row is None else translated(language, row.title)


def box_words(language: str, box: Mapping[str, Sequence[str] | frozenset[str]]) -> str:
    """Describe a row or box: the attributes that it really compares, each with its values."""
    stop, comma = ("；", "、") if language == "zh_CN" else ("; ", ", ")
    parts = []
    for attribute, all_values in ATTRIBUTES.items():
        values = box.get(attribute, all_values)
        if set(values) == all_values:
            continue
        names = [value_name(language, attribute, value) for value in sorted(values)]
        parts.append(f"{translated(language, ATTRIBUTE_NAMES[attribute])} {comma.join(names)}")
    return stop.join(parts) or translated(language, ANYTHING)


def way_name(language: str, way: str) -> str:
    """Return the name of a way of arriving."""
    return translated(language, WAY_NAMES[way])


def tables(charter: Charter) -> Iterator[str]:
    """Yield the lines of a Markdown document: the routes, in Chinese and then in English."""
    for language, title in (("zh_CN", charter.alliance.name.zh), ("en", charter.alliance.name.en)):
        yield f"# {title} ({charter.name})"
        yield ""
        yield "| " + " | ".join(translated(language, head) for head in _HEADS) + " |"
        yield "| --- | --- | --- | --- | --- |"
        for number, route in enumerate(charter.policy.routes):
            when = "<br>".join(box_words(language, row) for row in route.when)
            because = route.because.zh if language == "zh_CN" else route.because.en
            yield f"| {number} | `{route.id}` | {_cell(when)} | {way_name(language, route.then)} | {_cell(because)} |"
        yield ""


def routes_json(charter: Charter) -> list[dict[str, Any]]:
    """Return the routes as JSON values."""
    return [route.model_dump(mode="json") for route in charter.policy.routes]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
