"""What rings, as the stream tells it, and an officer's answer."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.world.desk import DeskWorld, running_desk, sends
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import with_a_fire
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.consumers.items import Item
from yizhan.desk.accounts.model import Role
from yizhan.desk.alarm_cards import AlarmCard, alarm_card
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.desk.live import Feed
from yizhan.desk.pages import stream
from yizhan.desk.rendering import STATIC
from yizhan.runtime.clock import utc_now
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import access_log_path
from yizhan.services.consoles import list_consoles
from yizhan.services.home import Home
from yizhan.services.stores import read_inbox

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\"'&amp;</p>"


@contextlib.contextmanager
def listening(desk: DeskWorld, cookie: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """Yield the events of a page's stream, name and data."""
    connection = http.client.HTTPConnection(desk.host, timeout=LIMIT_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/live", headers={"Cookie": f"yz-{desk.county}={cookie}"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield _events(answer)


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    while line := answer.readline().decode():
        field, _colon, value = line.strip().partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def first(events: Iterator[tuple[str, dict[str, Any]]], name: str) -> dict[str, Any]:
    """Return the data of the next event of a name."""
    return next(data for found, data in events if found == name)


def card(events: Iterator[tuple[str, dict[str, Any]]], wanted: str) -> str:
    """Wait for the card of an alarm; the feed may learn of it after the stream began."""
    cards = ({each["id"]: each["html"] for each in data["new"]} for name, data in events if name == "state")
    return str(next(found[wanted] for found in cards if wanted in found))


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run a desk of its own, where a fire rings."""
    with running_desk(with_a_fire(tmp_path_factory.mktemp("desk") / "home")) as world:
        yield world


def test_a_page_is_told_what_rings_and_what_comes_and_goes(fresh: DeskWorld) -> None:
    """At first everything that rings, then each alarm once, then who signed for it."""
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        (old,) = fresh.ringing()
        assert "距界约800米起火" in card(events, old)
        new = sends(fresh.station, "接-2", summary="新火情")
        told = first(events, "state")
        assert [each["id"] for each in told["new"]] == [new]
        assert set(told["ringing"]) == {old, new}
        signed = fresh.browser(Role.LEADER).post(f"/inbox/{new}/answer", {"stage": "acknowledged"})
        assert signed.status == 303
        gone = first(events, "state")
        assert gone["ringing"] == [old]
        assert gone["gone"][0]["id"] == new
        assert "林某" in gone["gone"][0]["words"]


def test_a_beat_says_the_time_and_whether_anything_is_received(fresh: DeskWorld) -> None:
    """The server's clock, how many ring, and that no inbox runs here."""
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        beat = first(events, "beat")
    assert beat["count"] == 1
    assert beat["receiver"] is None
    assert abs((utc_now() - utc_now().fromisoformat(beat["at"])).total_seconds()) < LIMIT_SECONDS


def test_what_is_shown_is_in_the_access_log_before(fresh: DeskWorld) -> None:
    """The officer who sees a card is named with it."""
    (fire,) = fresh.ringing()
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        assert card(events, fire)
    entries = [json.loads(line) for line in access_log_path(fresh.home, QINGYUAN).read_text("utf-8").splitlines()]
    assert [entry for entry in entries if fire in entry["what"] and "周某" in entry["who"]]


def test_a_session_that_ends_ends_its_stream(fresh: DeskWorld) -> None:
    """Whoever signs out is told nothing more."""
    cookie = fresh.cookie(Role.DUTY)
    with listening(fresh, cookie) as events:
        first(events, "state")
        for each in fresh.accounts.sessions.all(utc_now()):
            fresh.accounts.sessions.end(each.session.key, "test", utc_now())
        assert first(events, "end") == {"why": "session"}


def test_hostile_text_is_text(fresh: DeskWorld) -> None:
    """What a partner wrote can be read and does nothing; what nobody sees is spelled out."""
    readable = HOSTILE.replace("\u202e", "")  # a direction mark is refused by the contract itself
    hostile = sends(fresh.station, "接-3", summary=readable, place={"county": SHOUNING, "township": readable[:60]})
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        html = card(events, hostile)
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    page = fresh.browser(Role.DUTY).get("/duty").text
    assert "alert(1)" not in page.replace("&lt;script&gt;alert(1)", "")


def test_the_same_answer_a_hundred_times_is_one_row(fresh: DeskWorld) -> None:
    """Two clicks, a hundred requests: one answer, one receipt."""
    (fire,) = fresh.ringing()
    browser = fresh.browser(Role.DUTY)
    for _time in range(100):
        assert browser.post(f"/inbox/{fire}/answer", {"stage": "acknowledged"}).status == 303
    with read_inbox(fresh.home, QINGYUAN) as inbox:
        assert inbox is not None
        item = inbox.item(fire)
        assert item is not None
        assert [each.badge for each in item.answers] == [fresh.people[Role.DUTY].badge]
        assert inbox.count_owed_receipts() == 1


def test_two_officers_at_once_are_both_kept(fresh: DeskWorld) -> None:
    """Both words stand, the first first; nothing rings any more."""
    (fire,) = fresh.ringing()
    for role in (Role.DUTY, Role.LIAISON):
        assert fresh.browser(role).post(f"/inbox/{fire}/answer", {"stage": "acknowledged"}).status == 303
    with read_inbox(fresh.home, QINGYUAN) as inbox:
        assert inbox is not None
        item = inbox.item(fire)
        assert item is not None
        assert [each.name for each in item.answers] == ["周某", "叶某"]
    assert fresh.ringing() == ()


def test_an_answer_after_a_change_is_not_taken(fresh: DeskWorld) -> None:
    """The page says what is so now, and nothing was sent."""
    (fire,) = fresh.ringing()
    browser = fresh.browser(Role.DUTY)
    answer = browser.post(f"/inbox/{fire}/answer", {"stage": "acknowledged", "seen": "other"}, **{"HX-Request": "true"})
    assert answer.status == 409
    assert "情况已变" in answer.text
    assert fresh.ringing() == (fire,)


def test_an_unknown_event_is_said(fresh: DeskWorld) -> None:
    """A sentence, not a traceback."""
    answer = fresh.browser(Role.DUTY).post("/inbox/350924-nothing-1/answer", {"stage": "acknowledged"})
    assert answer.status == 404
    assert "没有" in answer.text


def test_a_restored_inbox_is_another_life(fresh: DeskWorld) -> None:
    """Every page loads anew when another file stands where the inbox was."""
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        first(events, "state")
        path = fresh.home.county_folder(QINGYUAN) / "inbox.sqlite3"
        copy = path.with_name("copy.sqlite3")
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)
        for left in (path.with_name(path.name + end) for end in ("-wal", "-shm")):
            left.unlink(missing_ok=True)
        copy.replace(path)
        assert first(events, "end") == {"why": "life"}


def test_the_libraries_are_those_of_the_table() -> None:
    """Each vendored file has the hash that stands in vendor.toml, and none is there beside them."""
    vendor = STATIC / "vendor"
    table = tomllib.loads((vendor / "vendor.toml").read_text("utf-8"))["library"]
    wanted = {f"{each['folder']}/{file['name']}": file["sha256"] for each in table for file in each["files"]}
    found = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "vendor.toml"
    }
    assert found == wanted


def test_the_desk_says_when_the_inbox_cannot_be_read(fresh: DeskWorld) -> None:
    """The lamp of receiving goes red with the reason; the page goes on."""
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        first(events, "state")
        path = fresh.home.county_folder(QINGYUAN) / "inbox.sqlite3"
        broken = path.with_name("broken.sqlite3")
        broken.write_bytes(b"no database" * 1000)
        broken.chmod(0o600)
        broken.replace(path)
        beat = until(lambda: next((data for name, data in events if name == "beat" and data["trouble"]), None))
    assert "inbox.sqlite3" in beat["trouble"]


@pytest.mark.parametrize(("role", "counts"), [(Role.DUTY, 1), (Role.AUDITOR, 0), (Role.SECURITY, 0), (Role.ANALYST, 0)])
def test_only_the_page_of_who_may_answer_counts_for_the_bell(desk: DeskWorld, role: Role, counts: int) -> None:
    """A page with sound that nobody may answer an alarm on keeps the bell from nobody."""
    browser, before = desk.browser(role), len(list_consoles(desk.home, desk.county))
    fields = {"console": hashlib.sha256(role.encode()).hexdigest()[:32], "audible": "1", "shown": "350924-1-1"}
    assert browser.post("/console", fields).status == 204
    assert len(list_consoles(desk.home, desk.county)) == before + counts


def test_a_feed_that_looks_at_nothing_says_so(desk: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that hangs raises no error, and is a trouble all the same."""
    feed = Feed(desk.home, desk.county)
    assert feed.trouble is None
    monkeypatch.setattr("yizhan.desk.live.SILENT_SECONDS", 0.0)
    assert "0" in str(feed.trouble)


def test_accounts_that_cannot_be_written_are_a_sentence(desk: DeskWorld) -> None:
    """The disk fails: who asks cannot be known; a page says why and what to do, without content."""
    browser = desk.browser(Role.DUTY)
    with desk.accounts._database.reading() as conn:  # noqa: SLF001 -- a disk that fails
        conn.execute("UPDATE sessions SET seen = ?", (written(utc_now() - timedelta(minutes=1)),))
        conn.execute("PRAGMA query_only = ON")
    try:
        answer = browser.get("/duty")
    finally:
        with desk.accounts._database.reading() as conn:  # noqa: SLF001 -- a disk that fails
            conn.execute("PRAGMA query_only = OFF")
    assert answer.status == 503
    assert (answer.headers["content-type"], ACCOUNTS_FILE in answer.text) == ("text/html; charset=utf-8", True)
    assert browser.get("/duty").status == 200


def test_an_alarm_that_cannot_be_drawn_rings_all_the_same(fresh: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its county and its id are shown, and the way to it; the others are shown as ever."""
    (broken,) = fresh.ringing()
    good = sends(fresh.station, "接-9", summary="另一起")

    def fails(home: Home, item: Item) -> AlarmCard:
        if item.id == broken:
            raise ValueError(item.id)
        return alarm_card(home, item)

    monkeypatch.setattr(stream, "alarm_card", fails)
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        html = card(events, broken)
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        assert "另一起" in card(events, good)
    assert f'href="/inbox/{broken}"' in html
    assert "内容显示不出" in html


def test_an_inbox_that_vanishes_is_not_quiet(fresh: DeskWorld) -> None:
    """The lamp of receiving says that the file is gone; it is never said that nothing rings."""
    with listening(fresh, fresh.cookie(Role.DUTY)) as events:
        first(events, "state")
        path = fresh.home.county_folder(QINGYUAN) / "inbox.sqlite3"
        path.rename(path.with_name("elsewhere"))
        beat = until(lambda: next((data for name, data in events if name == "beat" and data["trouble"]), None))
    assert "不见了" in beat["trouble"]
    assert beat["count"] == 1
