"""Names and badge numbers: slips are refused with a reason, real ones never."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from yizhan.producers.drafts import DraftInvalid, parse_draft
from yizhan.producers.officers import badge_fault, name_fault

FIRE = "yizhan.incident.forest_fire.v1"


@pytest.mark.parametrize(
    "name",
    ["刘某", "叶龴", "欧阳修文", "阿不都·热西提", "买买提•吐尔逊", "次仁卓玛", "Anna-Lena O'Neill", "J. Smith", "Ng",
     "José María", "བསོད་ནམས", "ئەخمەت", "王（小）明", "𠮷野"],
)  # fmt: skip
def test_real_names_are_taken(name: str) -> None:
    """Han, with a dot between, Latin, Tibetan, Arabic letters, rare characters."""
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "badge", ["035112", "331126008", "FJ-01234", "闽森0123", "森012345", "０３５１１２", "12-345", "350924001"]
)
def test_real_badge_numbers_are_taken(badge: str) -> None:
    """Six digits, more, letters or a unit before them, full width."""
    assert badge_fault(badge) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [("2", "数字"), ("刘3", "数字"), ("035112", "数字"), ("刘", "两个字"), ("-", "两个字"), ("刘@某", "@")],
)
def test_what_is_no_name_is_refused_with_the_reason(name: str, why: str) -> None:
    """A number, a single character or a sign is refused as a name, with the reason."""
    assert why in (name_fault(name) or "")


@pytest.mark.parametrize(
    ("badge", "why"),
    [("刘某", "没有数字"), ("-", "没有数字"), ("12", "三位"), ("拟稿人0123号民警", "不写别的"), ("03511@", "不写别的")],
)
def test_what_is_no_badge_number_is_refused_with_the_reason(badge: str, why: str) -> None:
    """A name, too few digits or a sentence is refused as a badge number, with the reason."""
    assert why in (badge_fault(badge) or "")


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"drafted_by": {"name": "2", "badge": "035112"}}, "payload.drafted_by.name"),
        ({"drafted_by": {"name": "刘某", "badge": "刘某"}}, "payload.drafted_by.badge"),
    ],
)
def test_no_draft_is_signed_with_them(content: dict[str, Any], path: str) -> None:
    """An impossible name or badge from a form, a file or a table is refused before sealing, with the field."""
    with pytest.raises(DraftInvalid) as refused:
        parse_draft({"type": FIRE, "payload": EXAMPLES[FIRE] | content})
    assert [where for where, _problem in refused.value.errors] == [path]


def test_who_is_called_need_not_be_an_officer() -> None:
    """A contact is a desk with a telephone: 值班室 1 is fine."""
    contact = {"name": "值班室 1", "phone": "0593-5522110"}
    assert parse_draft({"type": FIRE, "payload": EXAMPLES[FIRE] | {"contact": contact}}).type == FIRE
