"""The sample files and the page about them are what the commands take."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.house.tree import ROOT
from tests.world.command import Run
from tests.world.simulator import QINGYUAN
from yizhan.producers.drafts import Draft, Office, parse_draft

BLOCKS = re.findall(r"```json\n(.*?)```", (ROOT / "docs/events.md").read_text("utf-8"), re.DOTALL)


def test_the_sample_events_go(yizhan: Run, home: Path) -> None:
    """What sample init writes is explained and published as it is."""
    explained = yizhan("explain", str(home / "event.jsonl"), "--county", "350924")
    assert explained.code == 0, explained.out
    assert "331126 庆元县: 报警" in explained.out
    published = yizhan("publish", str(home / "event.jsonl"), "--county", "350924")
    assert published.code == 0
    assert "已收 4 件" in published.err


def test_the_sample_office_is_taken(yizhan: Run, home: Path) -> None:
    """The office of the sample stands in what it imports; what is there is never overwritten."""
    office = Office.model_validate_json((home / "office.json").read_bytes())
    assert office.org_code == f"{QINGYUAN}000000"
    assert None not in {office.drafted_by, office.reviewed_by, office.signed_off_by, office.contact}
    Path("none.csv").write_text("latitude,longitude,scan,track,acq_date,acq_time,satellite,confidence,frp\n", "utf-8")
    ran = yizhan("import", "firms", "none.csv", "--county", "350924", "--office", str(home / "office.json"))
    assert ran.code == 0


def test_the_page_is_true() -> None:
    """Its event is one that may be sent, its office one that is taken, and it names every attribute."""
    event, office = map(json.loads, BLOCKS)
    parse_draft(event)
    Office.model_validate_json(json.dumps(office))
    page = (ROOT / "docs/events.md").read_text("utf-8")
    assert [name for name in Draft.model_fields if f"`{name}`" not in page] == []


@pytest.mark.parametrize(("name", "value"), [("draft", 0), ("office", 1)])
def test_their_schemas_are_printed(yizhan: Run, name: str, value: int) -> None:
    """Integrators get the schema of a line and of an office, and the page's samples pass."""
    schema = json.loads(yizhan("schema", name).out)
    jsonschema.Draft202012Validator(schema).validate(json.loads(BLOCKS[value]))
    assert name in yizhan("schema").out
