"""Manifests: what a digest holds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.world.simulator import CLUSTER, NOW, World
from yizhan.schemas import dsse, manifest, merkle, strictjson
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.manifest import CONTENT_TYPE, Manifest
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated, read_statement
from yizhan.schemas.timestamps import written

WORLD = World()
ROOT = merkle.root([merkle.leaf_hash(bytes(32))]).hex()
FULL: dict[str, Any] = {
    "county": "331126",
    "label": "2026Q4",
    "interim": False,
    "start": 3,
    "end": 10,
    "count": 5,
    "prompt": 2,
    "root": ROOT,
    "charter": WORLD.charter.name,
    "cluster": CLUSTER,
    "closed": written(NOW),
    "previous": "0" * 64,
}
EMPTY = FULL | {"start": 3, "end": 3, "count": 0, "prompt": 0, "root": merkle.EMPTY_ROOT.hex()}


@pytest.mark.parametrize("values", [FULL, EMPTY, FULL | {"interim": True}, FULL | {"count": 7, "prompt": 7}])
def test_the_stations_word_is_read(values: dict[str, Any]) -> None:
    """Full, empty (零报告) and interim ones come back whole; writing again gives the same bytes."""
    said = Manifest.model_validate(values)
    data = said.signed(WORLD.station)
    assert data == Manifest.model_validate(values).signed(WORLD.station)
    assert read_statement(Manifest, data, WORLD.charter)[0] == said
    assert read_dated(Manifest, data, WORLD.charters)[0] == said


def test_the_first_has_no_previous() -> None:
    """The chain of a county begins with one that names none."""
    first = Manifest.model_validate({name: value for name, value in FULL.items() if name != "previous"})
    assert b"previous" not in first.payload()
    second = FULL | {"previous": read_statement(Manifest, first.signed(WORLD.station), WORLD.charter)[1].hex()}
    assert Manifest.model_validate(second).previous is not None


@pytest.mark.parametrize(
    "change",
    [
        {"county": "33112"},
        {"label": "2026Q5"},
        {"label": "2026"},
        {"interim": "no"},
        {"start": 11},
        {"start": -1},
        {"count": 8},
        {"prompt": 6},
        {"count": 0, "prompt": 0},
        {"root": merkle.EMPTY_ROOT.hex()},
        {"root": "0" * 63},
        {"closed": "2026-11-23"},
        {"cluster": ""},
        {"previous": "none"},
        {"events": []},
    ],
    ids=str,
)
def test_what_does_not_add_up_is_no_manifest(change: dict[str, Any]) -> None:
    """A range that runs backwards, more events than records, a root without events: refused on both sides."""
    with pytest.raises(ValidationError):
        Manifest.model_validate(FULL | change)
    with pytest.raises(StatementInvalid):
        read_statement(Manifest, dsse.sign(CONTENT_TYPE, strictjson.dumps(FULL | change), WORLD.station), WORLD.charter)


@pytest.mark.parametrize("missing", [name for name in FULL if name != "previous"])
def test_nothing_may_be_missing(missing: str) -> None:
    """Every other attribute is required."""
    with pytest.raises(ValidationError):
        Manifest.model_validate({name: value for name, value in FULL.items() if name != missing})


def test_a_manifest_is_no_postmark() -> None:
    """The type is under the signature: one statement cannot be taken for the other."""
    with pytest.raises(StatementInvalid, match="expected a statement of type"):
        read_statement(Postmark, Manifest.model_validate(FULL).signed(WORLD.station), WORLD.charter)
    assert manifest.KAFKA_HEADER == "yizhan-manifest"
