"""Grades that the law's figures propose."""

from __future__ import annotations

import re
from typing import Any

import pytest

from yizhan.schemas.codes import CODES
from yizhan.schemas.grades import SCALES, Scale, propose_grade
from yizhan.schemas.payloads import TYPES

FIRE, CRIME = "yizhan.incident.forest_fire.v1", "yizhan.incident.eco_crime.v1"


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.id)
def test_a_scale_is_dated_and_rises(scale: Scale) -> None:
    """Source, date and note; as many starts as steps, each higher and graver than the one before."""
    assert re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", scale.date)
    assert scale.source
    assert scale.note
    assert scale.type in TYPES
    assert scale.charge is None or CODES["charges"].find(scale.charge)
    assert len(scale.steps) == len(scale.grades)
    assert list(scale.grades) == sorted(set(scale.grades), reverse=True)
    for measure in scale.measures:
        assert len(measure.starts) == len(scale.steps)
        assert list(measure.starts) == sorted(set(measure.starts))
        assert measure.of in TYPES[scale.type].model.model_fields or measure.of in {"m³", "株", "公斤"}


@pytest.mark.parametrize(
    ("payload", "grade"),
    [
        ({"forest_ha": 0.2, "dead": 0, "injured": 0}, 4),
        ({"forest_ha": 0.999}, 4),
        ({"forest_ha": 1}, 3),
        ({"forest_ha": 99.99}, 3),
        ({"forest_ha": 100}, 2),
        ({"forest_ha": 1000}, 1),
        ({"forest_ha": 0.2, "dead": 3}, 3),
        ({"forest_ha": 0.2, "dead": 10}, 2),
        ({"forest_ha": 2, "dead": 30}, 1),
        ({"injured": 9}, 4),
        ({"injured": 10}, 3),
        ({"injured": 50}, 2),
        ({"injured": 100}, 1),
        ({"dead": 0, "injured": 0, "burnt_ha": 5000}, None),
        ({"forest_ha": "1000"}, None),
        ({}, None),
    ],
)
def test_a_fire_is_graded_by_forest_deaths_and_injuries(payload: dict[str, Any], grade: int | None) -> None:
    """森林防火条例 art. 40: 以上 includes the figure itself; burnt land that is no forest does not count."""
    proposal = propose_grade(FIRE, payload)
    assert (proposal and proposal.grade) == grade


@pytest.mark.parametrize(
    ("payload", "grade"),
    [
        ({"charge": "盗伐林木", "objects": [{"quantity": 4, "unit": "m³"}]}, None),
        ({"charge": "345①", "objects": [{"quantity": 4, "unit": "m³"}, {"quantity": 1, "unit": "m³"}]}, 4),
        ({"charge": "盗伐林木", "objects": [{"quantity": 4, "unit": "m³"}], "value_cny": 200000}, 2),
        ({"charge": "盗伐林木", "objects": [{"quantity": 250, "unit": "m³"}]}, 1),
        ({"charge": "滥伐林木", "objects": [{"quantity": 19, "unit": "m³"}]}, None),
        ({"charge": "滥伐林木", "objects": [{"quantity": 5000, "unit": "株"}]}, 2),
        ({"charge": "危害珍贵、濒危野生动物", "value_cny": 19999}, None),
        ({"charge": "危害珍贵、濒危野生动物", "value_cny": 20000}, 4),
        ({"charge": "危害珍贵、濒危野生动物", "value_cny": 200000}, 2),
        ({"charge": "危害珍贵、濒危野生动物", "value_cny": 2000000}, 1),
        ({"charge": "污染环境", "value_cny": 2000000}, None),
        ({"value_cny": 2000000}, None),
        ({"charge": ["盗伐林木"], "objects": "many"}, None),
    ],
)
def test_a_case_is_graded_by_its_charge(payload: dict[str, Any], grade: int | None) -> None:
    """Objects of one unit add up; a charge without a scale has no proposal."""
    proposal = propose_grade(CRIME, payload)
    assert (proposal and proposal.grade) == grade


def test_a_proposal_says_on_what_it_rests() -> None:
    """The figure, the step, the clause and its date; and whether anybody compared it with the text."""
    fire = propose_grade(FIRE, {"forest_ha": 120.5, "dead": 1})
    assert fire is not None
    assert fire.basis == "受害森林 120.5 公顷，达到“重大”（100 公顷起）；森林防火条例第四十条（2009-01-01起施行）"
    assert (fire.source, fire.date) == ("森林防火条例第四十条", "2009-01-01")
    timber = propose_grade(CRIME, {"charge": "盗伐林木", "value_cny": 20000})
    assert timber is not None
    assert timber.basis.endswith("标准待核对")
