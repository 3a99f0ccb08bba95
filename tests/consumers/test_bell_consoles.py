"""The web desk as a channel of the bell: only a page that shows an alarm and can be heard counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.consumers.bell_cases import FIRE_ID, fire
from tests.world.phones import Phone, channels, ring, ringer_of, settings_of
from tests.world.receiver import ME, PARTNER, Listener
from yizhan.consumers.bell.consoles import FILE, Console, ConsoleStore
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.bell.rings import RingOutcome
from yizhan.consumers.bell.settings import load
from yizhan.runtime.errors import SettingError
from yizhan.schemas import strictjson
from yizhan.schemas.timestamps import written

DESK = "[channels.desk]\nconsole = true\ntimeout_seconds = {seconds}\n"


class Room:
    """A listener's bell with the desk first and a telephone after it, and another telephone on the next rung."""

    def __init__(self, listener: Listener, folder: Path, made: list[Phone], seconds: float) -> None:
        self.listener, self.told = listener, list[RingOutcome]()
        urls = {"duty": made[0].url, "second": made[1].url}
        rungs = '[rungs]\nduty = ["desk", "duty"]\nsecond = ["second"]\n'
        settings = settings_of(folder, DESK.format(seconds=seconds) + channels(**urls) + rungs)
        self.ringer: Ringer = ringer_of(listener, settings, self.told)
        ring(self.ringer)  # it has looked at an empty inbox

    def page(self, *shown: str, audible: bool = True, ago: float = 0.0) -> None:
        """Report a page that was seen some seconds ago."""
        at = written(self.listener.clock.now - timedelta(seconds=ago))
        with ConsoleStore(self.listener.path.with_name(FILE)) as store:
            store.report(Console("page-1", "331126007", "值班室", at, audible, at if audible else None), shown)

    def outcomes(self) -> list[tuple[str | None, str]]:
        """Return channel and outcome of each sending."""
        return [(each.channel, each.outcome) for each in self.told]


@pytest.fixture
def room(request: pytest.FixtureRequest, listener: Listener, tmp_path: Path, made: list[Phone]) -> Iterator[Room]:
    """Open the bell, which waits for a page for half a minute unless the test says another time."""
    opened = Room(listener, tmp_path, made, getattr(request, "param", 30.0))
    yield opened
    opened.ringer.store.close()


def test_an_alarm_that_a_page_shows_and_sounds_is_delivered(room: Room, made: list[Phone]) -> None:
    """The bell waits for the page's word about this very alarm; then no telephone rings."""
    room.page("another")
    fire(room)
    room.ringer.step()
    room.page(FIRE_ID)
    room.ringer.settle()
    ring(room.ringer)
    assert room.outcomes() == [("desk", "delivered")]
    assert not made[0].heard + made[1].heard


def test_a_page_that_was_blocked_sounds_for_what_it_shows(room: Room, made: list[Phone]) -> None:
    """It was painted without sound, and an officer has let it sound before the time is over."""
    room.page()
    fire(room)
    room.page(FIRE_ID, audible=False)
    room.ringer.step()
    assert room.told == []
    room.page(audible=True)
    room.ringer.settle()
    assert room.outcomes() == [("desk", "delivered")]


@pytest.mark.parametrize("room", [0.2], indirect=True)
@pytest.mark.parametrize(
    ("case", "outcome"),
    [("never", "no console"), ("closed", "no console"), ("silent", "no sound"), ("hangs", "timeout")],
)
def test_a_dead_console_rings_the_next_channel_and_climbs(
    room: Room, made: list[Phone], case: str, outcome: str
) -> None:
    """Without a page, sound, or its word: the next channel at once, and if that is dead the next rung."""
    made[0].status = 503
    match case:
        case "closed":
            room.page(FIRE_ID, ago=61)
        case "silent":
            room.page(ago=61)
            room.page(FIRE_ID, audible=False)
        case "hangs":
            room.page("another")
    fire(room)
    ring(room.ringer)
    assert room.outcomes()[:2] == [("desk", outcome), ("duty", "refused")]
    assert len(made[1].heard) == 1


def test_a_page_that_is_open_again_is_tried_in_its_place(room: Room, made: list[Phone]) -> None:
    """A console is dead as long as none is open, and needs no test to work again."""
    fire(room)
    ring(room.ringer)
    assert (room.outcomes(), len(made[0].heard)) == ([("desk", "no console"), ("duty", "delivered")], 1)
    room.page()
    room.ringer.measure()
    second = fire(room, id=f"{FIRE_ID[:-1]}2")
    room.page(second)
    ring(room.ringer)
    assert room.outcomes()[2:] == [("desk", "delivered")]


def test_a_letter_goes_to_the_next_channel_and_does_not_make_the_console_dead(room: Room, made: list[Phone]) -> None:
    """A page rings for alarms that wait for a person; what else rings is carried by others."""
    room.page()
    header = room.listener.world.header(
        PARTNER, (ME,), type="yizhan.notice.v1", priority="flash", stage=None, touches=None
    )
    room.listener.deliver(room.listener.world.seal(header, strictjson.dumps({"kind": "text", "text": "请立即增援"})))
    ring(room.ringer)
    assert (room.outcomes(), len(made[0].heard)) == ([("duty", "delivered")], 1)


def test_the_desk_is_never_the_only_channel_of_a_rung(tmp_path: Path) -> None:
    """Nor has a channel two ways."""
    path = tmp_path / "bell.toml"
    url = '[channels.phone]\nurl = "json://127.0.0.1/"\n'
    desk = DESK.format(seconds=10)
    for text, named in (
        (desk + url + '[rungs]\nduty = ["desk"]\n', "rungs.duty"),
        (desk + 'command = ["true"]\n' + url + '[rungs]\nduty = ["desk", "phone"]\n', "channels.desk"),
    ):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        with pytest.raises(SettingError, match=named):
            load(path)


def test_pages_report_at_once_without_losing_a_word(tmp_path: Path) -> None:
    """Several pages and processes write; a page's marks stay with it, and go with it after a week."""
    path = tmp_path / FILE

    def report(number: int) -> None:
        with ConsoleStore(path) as store:
            store.report(Console(f"p{number}", "", "墙上", "2026-11-01T00:00:00.000Z", True, None), [f"e{number}"])  # noqa: FBT003

    threads = [threading.Thread(target=report, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with ConsoleStore(path) as store:
        count = "SELECT (SELECT count(*) FROM consoles), (SELECT count(*) FROM marks WHERE audible IS NOT NULL)"
        assert tuple(store._conn.execute(count).fetchone()) == (8, 8)  # noqa: SLF001 -- what is stored
        store.report(Console("new", "", "墙上", "2026-11-09T00:00:00.000Z", False, None), [])  # noqa: FBT003
        assert tuple(store._conn.execute(count).fetchone()) == (1, 0)  # noqa: SLF001
