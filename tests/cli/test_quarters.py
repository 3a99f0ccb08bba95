"""Two counties' own stores, one quarter: the same figures, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, delete_item, publish
from yizhan.services import bulletin_reading, stores
from yizhan.services.quarters import figures_bytes

OFFICE = {
    "org_code": "350924000000",
    **{role: {"name": "张三", "badge": "123456"} for role in ("drafted_by", "reviewed_by", "signed_off_by")},
    "contact": {"name": "张三", "phone": "13800000000"},
}
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
    with stores.read_inbox(app, county) as inbox, stores.read_outbox(app, county) as outbox:
        return figures_bytes(inbox, outbox, label, (county, other(county)), app.charters)


def both(station: Station, label: str) -> Iterator[bytes]:
    """Return the figures of both."""
    return (of(station, county, label) for county in PAIR)


def ids(station: Station, county: str, label: str) -> dict[str, int]:
    """Return how many events each direction has."""
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
    """Figures made later are the same bytes: the next quarter's events and closes leave them alone."""
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


def test_a_member_that_came_later_compares_with_the_same(yizhan: Run, station: Station) -> None:
    """One has a manifest of the quarter before, the other none: nothing went between them, and both say so alike."""
    close(station, END + timedelta(minutes=5), LABEL, SHOUNING)
    bring(yizhan, station, SHOUNING, END + timedelta(days=9), report(SHOUNING, "情-1"))
    close(station, END + timedelta(days=90, minutes=5), NEXT)
    ours, theirs = both(station, NEXT)
    assert ours == theirs


def test_an_empty_quarter_has_the_same_figures_too(station: Station) -> None:
    """A quarter without events (零报告) has figures of zero, not missing ones."""
    close(station, END + timedelta(minutes=5), LABEL)
    ours, theirs = both(station, LABEL)
    assert ours == theirs
    assert json.loads(ours)["empty"] is True


def sign(yizhan: Run, station: Station, county: str, at: datetime, label: str = LABEL) -> list[str]:
    """Make a county's signed bulletin and bring it to the other; what is said on its sheet loudly."""
    office, folder = Path(f"office-{county}.json"), Path(f"made-{county}")
    office.write_text(json.dumps(OFFICE | {"org_code": f"{county}000000"}), "utf-8")
    words = ("--county", county, "-o", str(folder), "--office", str(office), "--force", "--json")
    made = yizhan("bulletin", "make", label, *words)
    assert made.code == 0, made.err
    files = {form: Path(path) for form, path in json.loads(made.out)["files"].items()}
    bring(yizhan, station, county, at, json.loads(files["event"].read_bytes()))
    return re.findall('<p class="loud">(.*?)</p>', files["html"].read_text("utf-8"))


def check(yizhan: Run, county: str, label: str = LABEL) -> tuple[int, str, dict[str, str]]:
    """Let a county compare; exit status, verdict, and the word on each item."""
    ran = yizhan("bulletin", "check", label, "--county", county, "--json")
    document = json.loads(ran.out)
    return ran.code, document["verdict"], {each["item"]: each["word"] for each in document["items"]}


def test_nothing_is_signed_without_those_who_sign(yizhan: Run, station: Station) -> None:
    """An office without reviewer and signatory is refused as the bulletin is made, not once it is to be sent."""
    close(station, END + timedelta(minutes=5), LABEL)
    Path("half.json").write_text(json.dumps({**OFFICE, "reviewed_by": None, "signed_off_by": None}), "utf-8")
    made = yizhan("bulletin", "make", LABEL, "--county", SHOUNING, "-o", "half", "--office", "half.json")
    assert (made.code, "审核人、签发人" in made.err, Path("half").exists()) == (1, True, False)


def test_signed_bulletins_are_found_and_agree(yizhan: Run, station: Station) -> None:
    """One side signed: not yet comparable. Both: the same on both screens; who looked is written down."""
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), report(SHOUNING, "情-1"))
    close(station, END + timedelta(minutes=5), LABEL)
    sign(yizhan, station, SHOUNING, END + timedelta(days=1))
    assert check(yizhan, SHOUNING)[:2] == (1, "waiting")
    assert check(yizhan, QINGYUAN)[:2] == (1, "waiting")
    sign(yizhan, station, QINGYUAN, END + timedelta(days=2))
    items = {"figures"}
    for each in PAIR:
        items |= {f"directions.{each}>{other(each)}", f"manifests.{each}"}
    for county in PAIR:
        code, verdict, words = check(yizhan, county)
        assert (code, verdict, set(words)) == (0, "same", items)
        assert "双方一致" in yizhan("bulletin", "check", LABEL, "--county", county).out
        lines = (station.app.county_folder(county) / "access.jsonl").read_text("utf-8").splitlines()
        last = json.loads(lines[-1])
        assert (last["command"], last["what"]) == ("bulletin check", [f"{LABEL} {other(county)}"])


def test_an_empty_quarter_is_certain_once_both_said_so(yizhan: Run, station: Station) -> None:
    """零报告 is a presumption until the partner's bulletin says the same; then both sides' sheets say it."""
    close(station, END + timedelta(minutes=5), LABEL)
    assert sign(yizhan, station, SHOUNING, END + timedelta(days=1)) == ["零报告（待双方清单齐备后确认）。"]
    assert sign(yizhan, station, QINGYUAN, END + timedelta(days=2)) == ["零报告：本季度双方之间没有文书。"]
    assert sign(yizhan, station, SHOUNING, END + timedelta(days=3)) == ["零报告：本季度双方之间没有文书。"]
    assert [check(yizhan, county)[1] for county in PAIR] == ["same", "same"]


def test_characters_that_no_font_here_has_are_named(yizhan: Run, station: Station) -> None:
    """Characters of a rare name are named on stderr and in ``--json``."""
    rare = report(SHOUNING, "情-1")
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), rare | {"payload": rare["payload"] | {"title": "𪚥家山"}})
    close(station, END + timedelta(minutes=5), LABEL)
    words = ("bulletin", "make", LABEL, "--county", QINGYUAN, "-o")
    assert json.loads(yizhan(*words, "a", "--json").out)["unseen"] == "𪚥"
    assert "随程序的字体没有这些字" in yizhan(*words, "b").err


def test_a_difference_is_named_by_figure(yizhan: Run, station: Station) -> None:
    """An event that one side lost: both screens say which figures, which direction; the sheet warns above them."""
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), report(SHOUNING, "情-1"))
    close(station, END + timedelta(minutes=5), LABEL)
    sign(yizhan, station, SHOUNING, END + timedelta(days=1))
    with stores.read_inbox(station.app, QINGYUAN) as inbox:
        assert inbox is not None
        (lost,) = [item.id for item in inbox.items() if item.type.endswith("report.v1")]
    delete_item(stores.inbox_path(station.app, QINGYUAN), lost)
    said = sign(yizhan, station, QINGYUAN, END + timedelta(days=2))
    assert any("数字不一致" in each for each in said)
    for county in PAIR:
        code, verdict, words = check(yizhan, county)
        assert (code, verdict, words["intelligence.all"]) == (1, "differs", "differs")
        assert "fires.all" not in words
    screen = yizhan("bulletin", "check", LABEL, "--county", QINGYUAN).out
    assert "互通情报（条）" in screen
    assert "双方不一致" in screen


def test_the_text_is_edited_beside_the_figures_and_signed(yizhan: Run, station: Station) -> None:
    """The path is given; make fills the figures in; other figures are said, and not signed until looked at again."""
    bring(yizhan, station, SHOUNING, END - timedelta(days=9), report(SHOUNING, "情-1"))
    close(station, END - timedelta(days=5), LABEL)
    ran = yizhan("bulletin", "edit", LABEL, "--county", SHOUNING)
    assert ran.code == 0, ran.err
    path = Path(ran.out.strip())
    assert path.stat().st_mode & 0o077 == 0
    path.write_text(path.read_text("utf-8").replace("# 形势研判", "# 形势研判\n互通{{letters}}件，平稳。"), "utf-8")
    sign(yizhan, station, SHOUNING, END - timedelta(days=3))
    with stores.read_outbox(station.app, SHOUNING) as outbox:
        own = bulletin_reading.sent_bulletin(outbox, LABEL, QINGYUAN)
    assert own is not None
    assert own.payload["judgement"] == "互通1件，平稳。"
    bring(yizhan, station, QINGYUAN, END - timedelta(days=2), report(QINGYUAN, "情-2"))
    close(station, END + timedelta(minutes=5), LABEL)
    words = ("bulletin", "make", LABEL, "--county", SHOUNING, "--force", "-o")
    made = yizhan(*words, "again")
    assert (made.code, "{{letters}} 写的时候是 1，现在是 2" in made.err) == (0, True)
    refused = yizhan(*words, "never", "--office", f"office-{SHOUNING}.json")
    assert (refused.code, "yizhan bulletin edit" in refused.err, Path("never").exists()) == (1, True, False)
    again = yizhan("bulletin", "edit", LABEL, "--county", SHOUNING, "--json")
    assert "{{letters}} 写的时候是 1，现在是 2" in json.loads(again.out)["warnings"]
    sign(yizhan, station, SHOUNING, END + timedelta(days=1))
