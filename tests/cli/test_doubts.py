"""What a desk is asked about, told or refused before an event goes; the same by explain and by publish."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from tests.world.command import Ran, Run
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.cli.commands import publish
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.producers.drafts import parse_draft
from yizhan.schemas.timestamps import written
from yizhan.services import stores
from yizhan.services.home import Home
from yizhan.services.stores import open_outbox

FIRE, CRIME = "yizhan.incident.forest_fire.v1", "yizhan.incident.eco_crime.v1"


def draft(kind: str, county: str = SHOUNING, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
    """Write a draft about a matter in a county."""
    payload = EXAMPLES[kind] | {"place": {"county": county}}
    payload.pop("external_ref", None)
    grade = {"grade": payload["grade"]} if "grade" in payload else {}
    return {"type": kind, "to": [QINGYUAN], "touches": [QINGYUAN], "payload": payload} | grade | attributes


def write(*drafts: dict[str, Any]) -> None:
    """Put drafts into day.jsonl."""
    Path("day.jsonl").write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in drafts), "utf-8")


@pytest.fixture
def tried(yizhan: Run, home: Path) -> Any:  # noqa: ANN401 -- a function
    """Explain a file, then publish it."""
    assert home.exists()

    def both(*drafts: dict[str, Any]) -> tuple[Ran, Ran]:
        write(*drafts)
        explained = yizhan("explain", "day.jsonl", "--county", SHOUNING)
        return explained, yizhan("publish", "day.jsonl", "--county", SHOUNING)

    return both


def test_what_the_station_would_refuse_for_its_time_is_refused_at_the_desk(tried: Any) -> None:  # noqa: ANN401
    """An event that the station would refuse as future-dated is refused by publish and by explain."""
    explained, published = tried(draft(CRIME, time="2101-01-01T00:00:00+08:00"))
    assert (explained.code, published.code) == (1, 1)
    for said in (explained.out, published.err):
        assert "future_dated" in said
        assert "请改正 time" in said


def test_a_fire_from_the_future_goes_and_its_sender_is_told(tried: Any) -> None:  # noqa: ANN401
    """A fire with a future time is sent all the same, and its sender is told to check the time."""
    explained, published = tried(draft(FIRE, time="2101-01-01T00:00:00+08:00", stage="first"))
    assert (explained.code, published.code) == (0, 0)
    for said in (explained.out, published.out):
        assert "请核对所填的 time" in said


def test_a_clock_a_little_ahead_is_no_matter(tried: Any) -> None:  # noqa: ANN401
    """Four minutes are within what the station allows."""
    soon = written(datetime.now(UTC) + timedelta(minutes=4))
    explained, published = tried(draft(CRIME, time=soon))
    assert (explained.code, published.code) == (0, 0)


def test_a_county_is_told_that_a_matter_is_on_anothers_territory(tried: Any) -> None:  # noqa: ANN401
    """A county reports its own territory; an event elsewhere is warned of."""
    explained, published = tried(draft(FIRE, QINGYUAN, stage="first"))
    assert "发生在 331126 庆元县 境内" in explained.out
    assert "发生在 331126 庆元县 境内" in published.err
    explained, published = tried(draft(FIRE, stage="first"))
    assert "境内" not in explained.out + published.err


def test_a_person_is_asked_once_and_only_where_it_matters(
    yizhan: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An officer is asked once for all doubts, and not about digest events or events sent before."""
    asked: list[str] = []
    monkeypatch.setattr(publish, "interactive", lambda: True)

    def confirm(text: str, **_how: object) -> bool:
        asked.append(text)
        return True

    monkeypatch.setattr("click.confirm", confirm)
    nowhere: dict[str, Any] = {"touches": None, "external_ref": "A-1"}
    quarter = draft(CRIME, **nowhere)
    quarter["payload"] = {name: value for name, value in quarter["payload"].items() if "grade" not in name}
    quarter.pop("grade", None)
    ringing = draft(FIRE, QINGYUAN, stage="first", **nowhere)
    for each in (quarter, ringing):
        each.pop("touches")
    write(quarter)
    assert yizhan("publish", "day.jsonl", "--county", SHOUNING).code == 0
    assert asked == []
    write(ringing)
    for _time in range(2):
        assert yizhan("publish", "day.jsonl", "--county", SHOUNING).code == 0
        assert asked == ["仍要发出吗？"]
    assert home.exists()


def test_what_a_person_declines_or_nobody_can_be_asked_about_stays(
    yizhan: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, and the exit status says so; a program is told which lines were held."""
    assert home.exists()
    write(draft(FIRE, stage="first", touches=[SHOUNING]))
    words = ("publish", "day.jsonl", "--county", SHOUNING)
    ran = yizhan(*words, "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["accepted"], found["held"], found["skipped"]) == (1, [], [1], [1])
    monkeypatch.setattr(publish, "interactive", lambda: True)
    assert yizhan(*words, given=b"n\n").code == 1
    assert json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"] == []
    assert yizhan(*words, given=b"y\n").code == 0


def test_what_is_odd_in_the_content_is_asked_about_and_marked(tried: Any, home: Path) -> None:  # noqa: ANN401
    """The doubt is said with its basis, the event is sent nevertheless, and its reader sees the mark."""
    odd = draft(FIRE, stage="first", grade=4)
    odd["payload"] |= {"forest_ha": 120, "occurred_at": "2101-01-01T00:00:00+08:00"}
    odd["payload"]["place"] = {"county": SHOUNING, "position": {"coordinates": [121.9, 27.0]}}
    explained, published = tried(odd)
    assert (explained.code, published.code) == (0, 0)
    for said in (explained.out, published.err):
        assert "森林防火条例第四十条" in said
        assert "坐标不在任何县的境内" in said
        assert "所填时间还没有到" in said
    with open_outbox(Home(home), SHOUNING, TerminalPassphrase()) as outbox:
        (row,) = outbox.rows()
        own = outbox.event(row.id)
    assert own is not None
    assert json.loads(own.payload)["doubtful"] == ["等级与数据不符", "时间在未来", "坐标不在任何县境内"]


def test_a_preview_leaves_nothing(home: Path) -> None:
    """An event that a person is still asked about is not in the outbox yet and uses up no number."""
    app = Home(home)
    with open_outbox(app, SHOUNING, TerminalPassphrase()) as outbox:
        parsed = parse_draft(draft(FIRE, stage="first"))
        first = outbox.preview(parsed)
        assert outbox.rows() == ()
        assert outbox.publish(parsed).id == getattr(first, "id", None)


def test_explain_opens_no_new_book(yizhan: Run, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A copy of an outbox is no backup that was restored: nothing is said of one."""
    write(draft(FIRE, stage="first", external_ref="A-1"))
    assert yizhan("publish", "day.jsonl", "--county", SHOUNING).code == 0
    caplog.clear()
    assert "以前已发过" in yizhan("explain", "day.jsonl").out
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    assert stores.OUTBOX_FILE in {path.name for path in (home / "counties" / SHOUNING).iterdir()}
