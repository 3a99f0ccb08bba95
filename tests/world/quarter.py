"""A quarter of two counties that the station closed, made in memory within a second or two."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.producers.drafts import Office, parse_draft
from yizhan.schemas.quarters import Quarter
from yizhan.services.bulletin_reading import BulletinKey, read_material
from yizhan.services.bulletins import draft
from yizhan.services.stores import open_outbox

OFFICER = {"name": "张三", "badge": "123456"}
CONTACT = {"name": "张三", "phone": "13800000000"}


def closed_quarter(folder: Path, summary: str = "距界约800米起火") -> tuple[Station, str]:
    """Make a home of two counties that sent each other a fire and two reports; the station closed the quarter.

    ``summary`` is what the partner says of its report. Returns the station and the quarter's label.
    """
    station = with_a_fire(folder)
    for county in (SHOUNING, QINGYUAN):
        said = summary if county == SHOUNING else "盗伐线索"
        publish_draft(station, county, report(county, said))
    station.answer(SHOUNING)
    label = str(Quarter.containing(datetime.now(UTC), station.app.charter.time_zone))
    for county in (SHOUNING, QINGYUAN):
        station.close(county, label)
    return station, label


def report(county: str, summary: str) -> dict[str, Any]:
    """Draft a routine report of a county to the other: it goes with the quarter."""
    payload = {
        "org_code": f"{county}000000", "contact": CONTACT, "classification": "内部", "ask": ["核查"],
        "place": {"county": county}, "title": "线索一则", "kind": "线索", "origin": "巡查", "handling": "可核查",
        "summary": summary, **dict.fromkeys(("drafted_by", "reviewed_by", "signed_off_by"), OFFICER),
    }  # fmt: skip
    return {"type": "yizhan.intelligence.report.v1", "to": [_other(county)], "priority": "routine", "payload": payload}


def publish_draft(station: Station, county: str, content: dict[str, Any]) -> str:
    """Publish a draft, let the station take it, the sender read its answer and the other county receive it."""
    with open_outbox(station.app, county, TerminalPassphrase()) as outbox:
        made = outbox.publish(parse_draft(content)).id
    station.carry(county)
    station.answer(county)
    station.deliver(_other(county))
    return made


def sign_elsewhere(station: Station, label: str, county: str = SHOUNING) -> str:
    """Let a county sign its bulletin on the command line and send it; its id."""
    key = BulletinKey(label, county, _other(county))
    material = read_material(station.app, key, datetime.now(UTC))
    signers = dict.fromkeys(("drafted_by", "reviewed_by", "signed_off_by"), OFFICER)
    office = Office.model_validate({"org_code": f"{county}000000", "contact": CONTACT, **signers})
    return publish_draft(station, county, draft(material, key.partner, office))


def a_fire(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
    """Draft another fire of 寿宁."""
    payload = FIRE["payload"] | changes.pop("payload", {})
    return {**FIRE, **changes, "payload": payload}


def _other(county: str) -> str:
    return QINGYUAN if county == SHOUNING else SHOUNING
