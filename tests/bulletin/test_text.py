"""The analyst's text: figures are named, never written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.bulletin.events import ZONE, A, B, one
from yizhan.bulletin.errors import TextInvalid
from yizhan.bulletin.figures import figures
from yizhan.bulletin.text import blank, by_hand, changed, filled, parse, written


def made(*numbers: int) -> dict[str, Any]:
    """Count a quarter with so many cases."""
    return figures("2026Q3", (A, B), ZONE, [one(number) for number in numbers])


def test_a_new_file_says_what_the_sheet_would_say() -> None:
    """Written, read again and filled in: the overview with the figures, the proposed case, no other passage."""
    passages, cases = filled(parse(written(blank(made(1)), made(1))), made(1))
    assert set(passages) == {"overview"}
    assert passages["overview"].startswith("本季度双方互通文书1件。涉及案件1起，")
    assert cases == [(one(1).id, "")]


def test_what_the_analyst_wrote_survives_being_written_anew() -> None:
    """Notepad's byte order mark and line ends, another order, full-width braces; empty lines between stay."""
    text = "\ufeff# 工作建议\r\n\r\n共｛｛ letters ｝｝件。\r\n\r\n第二段\r\n% 说明\r\n# overview\r\n{{label}}"
    again = parse(written(parse(text.encode()), made(1, 2)))
    passages, cases = filled(again, made(1, 2))
    assert passages == {"suggestions": "共2件。\n\n第二段", "overview": "2026Q3"}
    assert cases == []


def test_a_figure_that_changed_since_is_pointed_out() -> None:
    """The same figures: nothing. Others: that the text wants reading, and each figure named, then and now."""
    text = written(parse("# 总体情况\n共{{letters}}件，火情{{fires.all}}起".encode()), made(1))
    assert changed(parse(text), made(1)) == ()
    assert tuple(map(str, changed(parse(text), made(1, 2)))) == (
        "文字是对照另一份数据写的，请重读",
        "{{letters}} 写的时候是 1，现在是 2",
    )
    assert tuple(map(str, changed(parse("# 总体情况\n无".encode()), made(1)))) == ("文字是对照另一份数据写的，请重读",)


def test_comparisons_can_be_named() -> None:
    """Last quarter and last year by name; where there are no such figures, a dash."""
    before = made(1, 2)
    now = figures("2026Q4", (A, B), ZONE, [one(1)], earlier=lambda label: before if label == "2026Q3" else None)
    passages, _cases = filled(parse("# 总体情况\n{{上季度.letters}} {{环比.letters}} {{同比.letters}}".encode()), now)
    assert passages["overview"] == "2 -50% —"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# 总体情况\n\n{{letterz}}件", "第 3 行：{{letterz}} 不是数字的名称"),
        ("# 总体情况\n{{letters=5}}件", "第 2 行：{{letters=5}} 不是数字的名称"),
        ("# 总体情况\n{{cases}}件", "第 2 行：{{cases}} 不是数字的名称"),
        ("# 总体情况\n{{empty}}", "第 2 行：{{empty}} 不是数字的名称"),
        ("# 总体情况\n{{letters}件", "第 2 行的花括号不成对"),
        ("# 总的情况\n", "第 1 行：没有“总的情况”这一栏"),
        ("# 总体情况\n# 总体情况\n", "第 2 行：“总体情况”已经写过一栏"),
        ("前言\n# 总体情况\n", "第 1 行不在任何栏目里"),
        ("# 典型案例\n\n某案\n", "第 3 行：典型案例要先写“## 编号”"),
        ("# 典型案例\n## 一号案\n", "第 2 行：“一号案”不是文书编号"),
        ("# 形势研判\n## 350924-20260701test-1\n", "第 2 行：只有典型案例下面有“## 编号”"),
        ("# 形势研判\n" + "长" * 4001, "第 2 行起的一段有 4001 字"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, wanted: str) -> None:
    """An unknown section or figure, a value given to one, text in the wrong place."""
    with pytest.raises(TextInvalid, match=re.escape(wanted)):
        filled(parse(text.encode()), made(1))


def test_another_encoding_is_refused_with_its_line() -> None:
    """What Notepad calls ANSI is not guessed at."""
    with pytest.raises(TextInvalid, match="第 2 行不是 UTF-8"):
        parse(b"# overview\n" + "总体".encode("gb18030"))


def test_a_figure_written_by_hand_is_pointed_out() -> None:
    """A count with its unit; not what the program fills in, nor a date."""
    found = [*map(str, by_hand(parse("# 总体情况\n8月3日立案12 起，{{letters}}件，升20%".encode())))]
    assert [re.findall("“(.+?)”", each)[0] for each in found] == ["12 起", "20%"]
