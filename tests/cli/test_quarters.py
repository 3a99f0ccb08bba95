"""Two counties' own stores, one quarter: the same figures, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.station import FIRE, QINGYUAN, SHOUNING, Station, publish
from yizhan.cli import inboxes, outboxes
from yizhan.cli.quarters import figures_bytes

PAIR = (SHOUNING, QINGYUAN)
LABEL, NEXT = "2026Q4", "2027Q1"
END = datetime(2026, 12, 31, 16, tzinfo=UTC)
"""Midnight in Shanghai."""
MOMENT = timedelta(milliseconds=1)


def report(county: str, reference: str) -> dict[str, Any]:
    """Draft a routine report: it goes with the quarter."""
    names = ("org_code", "drafted_by", "contact", "classification", "summary", "ask")
    payload = {name: FIRE["payload"][name] for name in names}
    payload |= {
        "place": {"county": county},
        "kind": "线索",
        "title": "线索",
        "origin": "群众举报",
        "handling": "可使用",
    }
    payload |= dict.fromkeys(("reviewed_by", "signed_off_by"), FIRE["payload"]["drafted_by"])
    return {
        "type": "yizhan.intelligence.report.v1", "to": [other(county)], "priority": "routine",
        "external_ref": reference, "payload": payload | {"org_code": f"{county}000000"},
    }  # fmt: skip


def other(county: str) -> str:
    """Return the partner."""
    return QINGYUAN if county == SHOUNING else SHOUNING


@pytest.fixture
def station(home: Path) -> Station:
    """The station between the two; its time is set by hand."""
    made = Station(home)
    made.clock = lambda: END - timedelta(days=20)
    return made


def bring(yizhan: Run, station: Station, county: str, at: datetime, *drafts: dict[str, Any]) -> None:
    """Publish drafts, let the station receive them at an instant and the sender read its answer."""
    publish(yizhan, county, *drafts)
    station.clock = lambda: at
    station.carry(county)
    station.answer(county)
    station.deliver(other(county))


def close(station: Station, at: datetime, label: str, *counties: str) -> None:
    """Close the books of counties at an instant."""
    station.clock = lambda: at
    for county in counties or PAIR:
        station.close(county, label)


def of(station: Station, county: str, label: str) -> bytes:
    """Return a county's figures from its own two stores."""
    app = station.app
    with inboxes.looking(app, county) as inbox, outboxes.looking(app, county) as outbox:
        return figures_bytes(inbox, outbox, label, (county, other(county)), app.charters)


def both(station: Station, label: str) -> Iterator[bytes]:
    """Return the figures of both."""
    return (of(station, county, label) for county in PAIR)


def ids(station: Station, county: str, label: str) -> dict[str, int]:
    """Return how many letters each direction has."""
    made = json.loads(of(station, county, label))
    return {direction: counts["letters"] for direction, counts in made["directions"].items()}


def test_both_count_the_same_bytes_in_both_directions(yizhan: Run, station: Station) -> None:
    """Urgent and routine, both ways, books closed at different instants: each side's figures are the same bytes."""
    fire = FIRE | {"payload": FIRE["payload"] | {"org_code": "350924000000"}}
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), fire, report(SHOUNING, "情-1"))
    bring(yizhan, station, QINGYUAN, END - timedelta(days=8), report(QINGYUAN, "情-2"))
    close(station, END + timedelta(minutes=5), LABEL, SHOUNING)
    close(station, END + timedelta(hours=9), LABEL, QINGYUAN)
    ours, theirs = both(station, LABEL)
    assert ours == theirs
    made = json.loads(ours)
    assert (made["letters"], made["fires"]["all"], made["intelligence"]["all"]) == (3, 1, 2)
    assert made["directions"][f"{SHOUNING}>{QINGYUAN}"]["alarm"] == 1


def test_a_letter_belongs_to_the_quarter_in_which_the_station_had_it(yizhan: Run, station: Station) -> None:
    """The last moment and the first: whichever digest held it, both sides put it into the same quarter, once."""
    bring(yizhan, station, SHOUNING, END - MOMENT, report(SHOUNING, "情-1"))
    bring(yizhan, station, SHOUNING, END, report(SHOUNING, "情-2"))
    bring(yizhan, station, QINGYUAN, END + timedelta(minutes=1), report(QINGYUAN, "情-3"))
    close(station, END + timedelta(minutes=5), LABEL)
    bring(yizhan, station, QINGYUAN, END + timedelta(days=3), report(QINGYUAN, "情-4"))
    close(station, END + timedelta(days=90, minutes=5), NEXT)
    out, back = f"{SHOUNING}>{QINGYUAN}", f"{QINGYUAN}>{SHOUNING}"
    for county in PAIR:
        assert ids(station, county, LABEL) == {out: 1, back: 0}
        assert ids(station, county, NEXT) == {out: 1, back: 2}
    for label in (LABEL, NEXT):
        ours, theirs = both(station, label)
        assert ours == theirs


def test_what_comes_after_changes_no_quarter_that_is_over(yizhan: Run, station: Station) -> None:
    """Figures made later are the same bytes: the next quarter's letters and closes leave them alone."""
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), report(SHOUNING, "情-1"))
    close(station, END + timedelta(minutes=5), LABEL)
    before = of(station, QINGYUAN, LABEL)
    bring(yizhan, station, SHOUNING, END + timedelta(days=9), report(SHOUNING, "情-2"))
    close(station, END + timedelta(days=90, minutes=5), NEXT)
    assert of(station, QINGYUAN, LABEL) == before == of(station, SHOUNING, LABEL)


def test_a_quarter_closed_early_is_counted_as_far_as_it_was_closed(yizhan: Run, station: Station) -> None:
    """Before its end both directions reach as far as the close; the second close makes up the rest."""
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), report(SHOUNING, "情-1"))
    close(station, END - timedelta(days=5), LABEL)
    bring(yizhan, station, SHOUNING, END - timedelta(days=2), report(SHOUNING, "情-2"))
    for wanted in (1, 2):
        ours, theirs = both(station, LABEL)
        assert ours == theirs
        assert json.loads(ours)["letters"] == wanted
        close(station, END + timedelta(minutes=5), LABEL)


def test_an_empty_quarter_has_the_same_figures_too(station: Station) -> None:
    """零报告 is zeros, not nothing."""
    close(station, END + timedelta(minutes=5), LABEL)
    ours, theirs = both(station, LABEL)
    assert ours == theirs
    assert json.loads(ours)["empty"] is True
