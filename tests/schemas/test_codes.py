"""Code lists."""

from __future__ import annotations

import re

import pytest

from yizhan.schemas.codes import CODES


@pytest.mark.parametrize("name", CODES)
def test_a_list_says_its_source_and_date(name: str) -> None:
    """Law moves: a list without source and date would be nobody's word."""
    listed = CODES[name]
    assert re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", listed.date)
    assert listed.title
    assert listed.source
    assert listed.note


@pytest.mark.parametrize("name", CODES)
def test_no_spelling_names_two_entries(name: str) -> None:
    """Every value, name and other spelling leads to its own entry."""
    for entry in CODES[name].entries:
        for word in (entry.value, entry.name, *entry.also):
            assert CODES[name].find(word) is entry
        assert entry.en.isascii()


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("非法收购运输盗伐滥伐的林木", "非法收购、运输盗伐、滥伐的林木"),
        ("危害珍贵濒危野生动物罪", "危害珍贵、濒危野生动物"),
        ("非法引进外来物种", "非法引进、释放、丢弃外来入侵物种"),
        ("341②", "非法狩猎"),
    ],
)
def test_short_forms_and_articles_are_understood(said: str, value: str) -> None:
    """What an officer writes becomes the official name."""
    entry = CODES["charges"].find(said)
    assert entry is not None
    assert entry.value == value


def test_what_is_in_no_list_is_refused_with_the_list() -> None:
    """The refusal names what may be said, its source and its date."""
    assert CODES["charges"].find("盗窃") is None
    said = CODES["charges"].refusal()
    assert "非法狩猎" in said
    assert CODES["charges"].date in said


def test_every_group_of_disasters_can_be_reported() -> None:
    """A class that the list lacks still has its group: 010000 to 050000."""
    values = {entry.value for entry in CODES["disaster_classes"].entries}
    assert {f"0{n}0000" for n in range(1, 6)} <= values
    assert all(re.fullmatch(r"0[1-5][0-9]{4}", value) for value in values)
