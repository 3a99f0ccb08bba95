"""What a stranger wrote never steers the terminal of who reads it."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world.command import Run
from yizhan.cli import screen
from yizhan.cli.output import as_json, print_table
from yizhan.runtime.terminal_text import columns, wrap
from yizhan.schemas.invisible import escaped
from yizhan.schemas.policy import Way
from yizhan.schemas.policy_facts import Words

HOSTILE = "火\x1b[2J\x07\u202e灾\u0085\x9b31m\ud800"


def test_unseen_characters_are_spelled_out() -> None:
    """Escapes, bells, marks that reverse text, lone surrogates: all are shown, none is sent."""
    said = escaped(HOSTILE)
    said.encode("utf-8")
    assert said == r"火\x1b[2J\x07\u202e灾\x85\x9b31m\ud800"
    assert escaped("一\n二", keep_lines=True) == "一\n二"


@given(st.text())
def test_nothing_unseen_passes(text: str) -> None:
    """Any text is shown with printable characters only."""
    assert all(one.isprintable() or unicodedata.category(one) == "Zs" for one in escaped(text))


def test_a_table_shows_strangers_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell is text: neither markup nor an escape in it does anything."""
    print_table(["a"], [["[bold red]x[/] \x1b[31m"]], "nothing")
    said = capsys.readouterr().out
    assert r"[bold red]x[/] \x1b[31m" in said
    assert "\x1b" not in said


IDS = ["350924-20261123k7qfab-17", "350924-20261123k7qfab-18"]


@pytest.mark.parametrize("wide", [30, 60, 80, 120, 200])
def test_an_id_is_never_broken(wide: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow the screen, an id stands whole on its line, and every value is there; COLUMNS is honoured."""
    monkeypatch.setenv("COLUMNS", str(wide))
    print_table(["编号", *"甲乙丙丁戊"], [[id, *(["火情" * 9] * 5)] for id in IDS], "")
    said = capsys.readouterr().out
    assert all(id in said for id in IDS)
    assert sum(said.count(character) for character in "火") == 2 * 5 * 9
    assert max(columns(line) for line in said.splitlines()) <= max(wide, len(IDS[0]))


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is nothing, a sentence stands instead of an empty frame."""
    print_table(["a"], [], "没有")
    assert capsys.readouterr().out == "没有\n"


def test_json_has_utc_and_hex() -> None:
    """Programs get every field: times in UTC, bytes in hex, words as they are."""
    moment = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
    found = as_json({"at": moment, "hash": b"\x01\xff", "way": Way.ALARM, "said": Words(zh="一", en="one")})
    assert found == {
        "at": "2026-11-23T08:05:00.000Z",
        "hash": "01ff",
        "way": "alarm",
        "said": {"zh": "一", "en": "one"},
    }


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """Bars belong on terminals: a log or a pipe sees none."""
    with screen.progress("working", 3) as bar:
        bar.advance()
        bar.describe("still")
    assert capsys.readouterr() == ("", "")


@given(st.text(alphabet="ab 一二，。（"), st.integers(4, 40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    """Lines break between Chinese characters, fit their width but for closing marks, and keep every letter."""
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    longest = max((len(word) for word in text.split()), default=0)
    assert all(columns(line.rstrip(" ，。")) <= max(width, 2 * longest) for line in lines)


def test_everything_that_lists_prints_one_document(yizhan: Run, home: object) -> None:
    """--json is one JSON document with the same keys on an empty home as on a full one."""
    expected = {
        ("keys", "show", "--county", "350924"): {"owner", "charter", "keys"},
        ("outbox", "list", "--county", "350924"): {"county", "waiting", "publisher", "events", "charter_stale"},
        ("postings", "list", "--county", "350924"): {"county", "postings", "foreign"},
        ("inbox", "list", "--county", "350924"): {"county", "items", "aside", "gaps", "conflicts", "charter_stale"},
        ("digest", "list", "--county", "350924"): {"county", "digests"},
        ("broker", "status"): {"running", "pid", "bootstrap", "cluster_id", "log", "nodes"},
    }
    for command, keys in expected.items():
        ran = yizhan(*command, "--json")
        assert ran.code == (command == ("broker", "status")), command  # it does not run
        assert set(json.loads(ran.out)) == keys, command
