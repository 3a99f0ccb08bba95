"""Searching both books by what they say."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.world.each import each
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, delete_item
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.items import InboxQuery
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.schemas.payloads.common import Person
from yizhan.services import searching
from yizhan.services.actor import Actor
from yizhan.services.sample import make_sample
from yizhan.services.searching import SearchResult, search, search_csv
from yizhan.services.stores import inbox_path, open_outbox

OFFICER = Person(name="李四", badge="654321")
ACTOR = Actor("李四 (654321)", "desk search", OFFICER)
ANYTHING = InboxQuery()


@dataclass
class Books:
    """A home in which both counties reported fires to each other."""

    station: Station
    theirs: str
    own: str

    def sends(self, county: str, reference: str, summary: str) -> str:
        """Let a county report a fire, and the other receive it; return its id."""
        other = SHOUNING if county == QINGYUAN else QINGYUAN
        payload = {**FIRE["payload"], "place": {"county": county, "township": "南阳镇"}, "summary": summary}
        draft = {**FIRE, "external_ref": reference, "touches": [other], "payload": payload}
        with open_outbox(self.station.app, county, TerminalPassphrase()) as outbox:
            sent = outbox.publish(parse_draft(draft)).id
        self.station.carry(county)
        self.station.deliver(other)
        return sent

    def found(self, text: str, query: InboxQuery = ANYTHING) -> list[str]:
        """Return the ids that 庆元 finds, the newest first."""
        return [hit.id for hit in self.search(text, query).hits]

    def search(self, text: str, query: InboxQuery = ANYTHING) -> SearchResult:
        """Search the books of 庆元."""
        return search(self.station.app, QINGYUAN, text, query, ACTOR)

    @property
    def index(self) -> Path:
        """The file of the index."""
        return self.station.app.county_folder(QINGYUAN) / searching.FILE


def make_books(folder: Path) -> Books:
    """Make the home; 庆元 received one fire and sent one."""
    make_sample(folder, (SHOUNING, QINGYUAN), datetime.now(UTC))
    books = Books(Station(folder), "", "")
    books.theirs = books.sends(SHOUNING, "接-1", "界山北坡起火，松林受威胁，火线长3公里，100%过火，由Zhang Wei报告")
    books.own = books.sends(QINGYUAN, "接-2", "百山祖南坡起火，火线长2公里")
    return books


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """Return the home for tests that only read."""
    return make_books(tmp_path_factory.mktemp("books") / "home")


@pytest.fixture
def changing(tmp_path: Path) -> Books:
    """Return a home that a test may change."""
    return make_books(tmp_path / "home")


@each("text", ("坡", "起火", "火线长", "火线 起火 坡", "南阳镇"))
def test_words_of_any_length_are_found_in_both_books(books: Books, text: str) -> None:
    """A word of one, two, three or more characters is found in what came and in what went, the newest first."""
    assert books.found(text) == [books.own, books.theirs]


@each("text", ("松", "松林", "松林受", "界山北坡起火，松林", "100%", "zhang", "界山 3公里"))
def test_words_of_one_book_find_that_event_alone(books: Books, text: str) -> None:
    """Every word must be in the event, as it is written."""
    assert books.found(text) == [books.theirs]


@each("text", ("", "  \u3000 ", "\x00", "洪水", "界山 洪水"))
def test_what_is_not_there_is_not_found(books: Books, text: str) -> None:
    """Nothing is found, and nothing fails."""
    assert books.search(text).hits == ()


@each("text", ('"', "火 OR 水", "%_%", "起火*", "NEAR(起火 坡)"))
def test_signs_of_a_query_language_are_text(books: Books, text: str) -> None:
    """What FTS5 or LIKE would take for a command is looked for as it is; none of these events has it."""
    assert books.found(text) == []


def test_an_id_is_found(books: Books) -> None:
    """Who has the number of an event finds it, and what stands around it is shown."""
    assert books.found(books.theirs) == [books.theirs]
    (hit,) = books.search("松林").hits
    assert (hit.snippet.found, hit.snippet.before.endswith("起火，")) == ("松林", True)


def test_filters_choose_among_what_is_found(books: Books) -> None:
    """A type, a county and a time leave out what does not match, in both books."""
    fire, other = "yizhan.incident.forest_fire.v1", "yizhan.patrol.plan.v1"
    assert books.found("起火", InboxQuery(type=fire)) == [books.own, books.theirs]
    assert books.found("起火", InboxQuery(type=other)) == []
    assert books.found("起火", InboxQuery(county=SHOUNING)) == [books.own, books.theirs]
    assert books.found("起火", InboxQuery(county=QINGYUAN)) == []
    assert books.found("起火", InboxQuery(drills=True)) == []
    assert books.found("起火", InboxQuery(since=datetime(2057, 1, 1, tzinfo=UTC))) == []


def test_what_came_is_in_the_access_log(books: Books) -> None:
    """The entry names whom the officer saw: items of the inbox, and by what command."""
    books.search("起火")
    path = books.station.app.county_folder(QINGYUAN) / access_log.FILE
    *_, last = access_log.read(path)
    (entries, breaks) = access_log.check(access_log.read(path))
    assert breaks == []
    assert last is not None
    assert (entries[-1].who, entries[-1].how, entries[-1].what) == (str(ACTOR), "listed", (books.theirs,))


def test_a_table_of_the_hits_begins_no_formula(changing: Books) -> None:
    """CSV has a row a hit; a text that begins as a formula does is written as text; it is entered as exported."""
    formula = changing.sends(SHOUNING, "接-3", '=HYPERLINK("http://example.org","起火")')
    made = search_csv(changing.station.app, QINGYUAN, "起火", ANYTHING, ACTOR).decode("utf-8-sig")
    heading, *rows = csv.reader(io.StringIO(made, newline=""))
    assert [row[-1] for row in rows] == [formula, changing.own, changing.theirs]
    assert rows[0][heading.index("内容")] == '\'=HYPERLINK("http://example.org","起火")'
    entries, _breaks = access_log.check(access_log.read(changing.index.parent / access_log.FILE))
    assert (entries[-1].how, set(entries[-1].what)) == ("exported", {formula, changing.own, changing.theirs})


def test_it_catches_up_with_what_came_since(changing: Books) -> None:
    """What arrives after a question is found by the next one; a deleted index is made anew."""
    assert changing.found("南坡") == [changing.own]
    later = changing.sends(SHOUNING, "接-3", "界山南坡又有起火")
    assert changing.found("南坡") == [later, changing.own]
    for path in changing.index.parent.glob(f"{searching.FILE}*"):
        path.unlink()
    assert changing.found("南坡") == [later, changing.own]


def test_without_time_it_says_how_much_is_left(changing: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question waits for the index only so long; it tells how many numbers are not in it yet."""
    monkeypatch.setattr(searching, "CATCH_UP_SECONDS", -1.0)
    result = changing.search("起火")
    assert (result.hits, result.unindexed > 0) == ((), True)
    monkeypatch.undo()
    assert replace(changing.search("起火"), hits=()) == SearchResult()


def test_another_inbox_file_is_read_anew(changing: Books, tmp_path: Path) -> None:
    """Where a backup was put in place of the inbox, what only the other file had is not found any more."""
    path, backup = inbox_path(changing.station.app, QINGYUAN), tmp_path / "backup"
    shutil.copy(path, backup)
    later = changing.sends(SHOUNING, "接-3", "界山南坡又有起火")
    assert changing.found("南坡") == [later, changing.own]
    for each_file in path.parent.glob(f"{path.name}-*"):
        each_file.unlink()
    backup.rename(path)
    assert changing.found("南坡") == [changing.own]
    assert changing.found("松林") == [changing.theirs]


def test_an_item_that_is_gone_from_the_inbox_is_no_hit(changing: Books) -> None:
    """The index alone shows nothing: what is shown is read from the book."""
    assert changing.found("松林") == [changing.theirs]
    delete_item(inbox_path(changing.station.app, QINGYUAN), changing.theirs)
    assert changing.found("松林") == []


def test_what_was_destroyed_leaves_the_index(changing: Books) -> None:
    """After its term it is not found, and no byte of its text is in the index's files."""
    secret = "松林受威胁".encode()
    assert changing.found("松林") == [changing.theirs]
    assert any(secret in path.read_bytes() for path in changing.index.parent.glob(f"{searching.FILE}*"))
    home = changing.station.app
    inbox = Inbox(
        inbox_path(home, QINGYUAN), QINGYUAN, tuple, home.reader_of(QINGYUAN),
        clock=lambda: datetime(2090, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    with inbox:
        inbox.acknowledge(changing.theirs, OFFICER.name, OFFICER.badge)
        inbox.destroy([changing.theirs], OFFICER)
    assert changing.found("松林") == []
    assert changing.found("起火") == [changing.own]
    assert not any(secret in path.read_bytes() for path in changing.index.parent.glob(f"{searching.FILE}*"))
