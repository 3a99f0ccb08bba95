"""One description of each form, read off the model; answers become JSON and back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from yizhan.producers import form_values
from yizhan.producers.form_values import AnswerInvalid, format_value, parse_answer
from yizhan.producers.forms import Field, FieldKind, fields_on_path, form_of, header_form, item_of
from yizhan.schemas.payloads import TYPES, parse_strict

MEMBERS = {"331126": "庆元县", "350924": "寿宁县"}


def _leaves(fields: tuple[Field, ...], value: dict[str, Any], path: tuple[str | int, ...] = ()) -> Any:  # noqa: ANN401
    for field in fields:
        if (inner := value.get(field.name)) is None:
            continue
        if field.kind is not FieldKind.GROUP:
            yield field, (*path, field.name), inner
        else:
            for number, one in enumerate(inner) if field.many else ((None, inner),):
                yield from _leaves(field.parts, one, (*path, field.name, *(() if number is None else (number,))))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_what_a_form_writes_out_it_understands_as_the_same_payload(kind: str) -> None:
    """Every example of every type goes through words and comes back as the same payload."""
    payload = parse_strict(kind, EXAMPLES[kind]).model_dump(mode="json", exclude_none=True)
    made: dict[str, Any] = {}
    for field, path, value in _leaves(form_of(kind), payload):
        form_values.put(made, path, parse_answer(field, format_value(field, value, MEMBERS), MEMBERS))
    again = parse_strict(kind, made).model_dump(mode="json", exclude_none=True)
    assert again == payload


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_field_of_every_type_is_asked_for_by_a_title(kind: str) -> None:
    """A field that is new in a model is in the form, and what the model requires the form requires."""
    model = TYPES[kind].model
    asked = {field.name: field for field in form_of(kind)}
    for name, info in model.model_fields.items():
        assert (info.alias or name) in asked
        assert asked[info.alias or name].required == info.is_required()


def test_a_choice_is_understood_by_number_name_code_and_article() -> None:
    """Officers write what they are used to; a number counts on a screen only, where the list was shown."""
    charge = fields_on_path(form_of("yizhan.incident.eco_crime.v1"), ["charge"])[-1]
    disaster = fields_on_path(form_of("yizhan.incident.natural_disaster.v1"), ["class"])[-1]
    for said in ("盗伐林木", "盗伐林木罪", "345①"):
        assert parse_answer(charge, said, MEMBERS) == "盗伐林木"
    assert parse_answer(charge, "1", MEMBERS, numbered=True) == "盗伐林木"
    assert parse_answer(disaster, "洪涝灾害", MEMBERS) == parse_answer(disaster, "010200 洪涝灾害", MEMBERS) == "010200"
    with pytest.raises(AnswerInvalid, match="应为"):
        parse_answer(charge, "1", MEMBERS)


def test_several_answers_stand_in_one_line() -> None:
    """Choices may be divided by any mark, free text by semicolons only: a sentence has commas."""
    ask = fields_on_path(form_of("yizhan.incident.forest_fire.v1"), ["ask"])[-1]
    agenda = fields_on_path(form_of("yizhan.liaison.consultation.v1"), ["agenda"])[-1]
    assert (
        parse_answer(ask, "知悉、支援", MEMBERS) == parse_answer(ask, "1,4", MEMBERS, numbered=True) == ["知悉", "支援"]
    )
    assert parse_answer(agenda, "盗伐，两案；越界火", MEMBERS) == ["盗伐，两案", "越界火"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-11-23 16:05", "2026-11-23T16:05:00+08:00"),
        ("2026/11/23 16:05", "2026-11-23T16:05:00+08:00"),
        ("2026年11月23日16时05分", "2026-11-23T16:05:00+08:00"),
        ("2026-11-23T08:05:00Z", "2026-11-23T08:05:00+00:00"),
    ],
)
def test_a_time_is_beijings_unless_it_says_otherwise(said: str, meant: str) -> None:
    """People write times in many ways, all of the same zone."""
    assert form_values.moment(said) == meant


@pytest.mark.parametrize("said", ["昨天", "2026-02-30 10:00", "2026-11-23", "25:00"])
def test_what_is_no_time_is_refused(said: str) -> None:
    """A day without an hour says less than what was asked."""
    with pytest.raises(AnswerInvalid, match="应为日期和时刻"):
        form_values.moment(said)


def test_numbers_have_no_letters_and_members_are_known_by_name() -> None:
    """三公顷 is no number; 庆元 is a county."""
    burnt = fields_on_path(form_of("yizhan.incident.forest_fire.v1"), ["burnt_ha"])[-1]
    dead = fields_on_path(form_of("yizhan.incident.forest_fire.v1"), ["dead"])[-1]
    touches = next(field for field in header_form() if field.name == "touches")
    assert parse_answer(burnt, "１２．５", MEMBERS) == 12.5
    assert parse_answer(dead, "3.0", MEMBERS) == 3
    assert parse_answer(touches, "庆元、350924", MEMBERS) == ["331126", "350924"]
    for field, said in ((burnt, "3公顷"), (dead, "2.5"), (item_of(touches), "县")):
        with pytest.raises(AnswerInvalid):
            parse_answer(field, said, MEMBERS)


def test_what_is_taken_away_leaves_no_empty_group() -> None:
    """A position that is cleared leaves no ``position: {}`` behind."""
    content = {"place": {"county": "350924", "position": {"coordinates": [1, 2]}}}
    form_values.remove(content, ("place", "position", "coordinates"))
    assert content == {"place": {"county": "350924"}}
