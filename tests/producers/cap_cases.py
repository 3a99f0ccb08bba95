"""Events and CAP messages, and how they are written and read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree

from tests.schemas.payloads.examples import DISASTER, FIRE, HOTSPOT
from yizhan.producers import proposals
from yizhan.producers.cap import CapContext, CapMessage, read_cap, write_cap
from yizhan.producers.cap.xml import NAMESPACE
from yizhan.producers.drafts import Office
from yizhan.producers.geography import sample_outlines
from yizhan.schemas import strictjson
from yizhan.schemas.header import Header
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.sample import SIX

MESSAGES = Path(__file__).parent / "cap_messages"


RAIN = (MESSAGES / "rainstorm-two-languages.xml").read_bytes()


NOW = datetime(2026, 11, 24, tzinfo=UTC)


NAMES = {"350924": {"zh": "寿宁县", "en": "Shouning"}, "331126": {"zh": "庆元县", "en": "Qingyuan"}}


EVENTS = {"forest_fire": FIRE, "hotspot": HOTSPOT, "natural_disaster": DISASTER}


NUMBERED: dict[str, Any] = {
    "source": "350924", "id": "350924-20261123k7qf-17", "time": "2026-11-23T08:05:00.250Z", "kid": "a" * 64,
    "to": ("331126",), "lanes": {"331126": {"lane": "prompt", "n": 1}}, "charter": "1-9f86d081884c7d65",
}  # fmt: skip


def setting(county: str = "350924", office: Office | None = None) -> CapContext:
    """Put a county among the six."""
    around = proposals.AllianceMap(sample_outlines(), frozenset(SIX), 10.0)
    return CapContext(county, around, office or Office(), NOW)


def header(name: str, **more: Any) -> Header:  # noqa: ANN401 -- attributes are any
    """Make a header of a type."""
    said = {"status": "Actual", "priority": "urgent", "type": f"yizhan.incident.{name}.v1", **NUMBERED, **more}
    return Header.model_validate(said)


def content(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON is any
    """Write an example payload as it is sealed."""
    payload = parse_strict(f"yizhan.incident.{name}.v1", {**EVENTS[name], **more})
    found: dict[str, Any] = strictjson.loads(encode(payload), floats=True)
    return found


def out(head: Header, payload: dict[str, Any], *, english: bool = False) -> bytes:
    """Write an event; every other one was learnt of a minute before."""
    return write_cap(head, payload, NAMES, lambda _id: "2026-11-23T08:04:00.000Z", english=english).xml


def said(xml: bytes, path: str) -> list[str]:
    """Return the texts of elements of a message."""
    found = etree.fromstring(xml).findall("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))
    return [each.text or "" for each in found]


def read(data: bytes) -> CapMessage:
    """Read a message at 寿宁."""
    return read_cap(data, setting())


def changed(old: str, new: str, data: bytes = RAIN) -> bytes:
    """Change a text of the rainstorm's message wherever it stands."""
    assert old.encode() in data
    return data.replace(old.encode(), new.encode())
