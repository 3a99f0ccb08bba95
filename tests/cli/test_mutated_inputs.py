"""No file ends a command in an unexpected error: good files, mutated, are given to whatever takes a file.

The corpus is what lies in the tests: tables, CAP messages, FIRMS files, drafts, a sealed envelope. What fails here once
goes into ``tests/producers/cases`` and stays.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.producers.table_cases import as_row, book, draft
from tests.world.command import Run

TESTS = Path(__file__).parents[1]
CASES, MADE, CAP = (TESTS / "producers" / name for name in ("cases", "made_elsewhere", "cap_messages"))
SHOUNING = ("--county", "350924")
NASTY = (
    b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b"\r", b"\n", b",", b";", b"\t", b"{", b"}", b"[", b"]",
    b"0001-01-01 00:00:00", b"9999-12-31T23:59:59-14:00", b"1e999", b"-0", b"NaN", b"99999999999999999999",
    "\u200b".encode(), "\ue000".encode(), "\u202e".encode(), b"\xed\xa0\x80", "２０２６年".encode(), b"_x0000_",
    b"<polygon>0,0 0,0 0,0 0,0</polygon>", b"null", b'{"payload":{}}', b"\\ud800", b"[" * 40, b"A" * 5000,
)  # fmt: skip
"""What people, programs and attackers put into files."""
EDITS = st.lists(
    st.tuples(st.sampled_from(["cut", "insert", "replace", "double", "end"]), st.floats(0, 1), st.integers(1, 60),
              st.sampled_from(NASTY)), min_size=1, max_size=4,
)  # fmt: skip


def edited(data: bytes, edits: list[tuple[str, float, int, bytes]]) -> bytes:
    """Cut, insert, replace, double or end a file at places of it."""
    for kind, where, length, nasty in edits:
        place = int(where * len(data))
        before, piece, after = data[:place], data[place : place + length], data[place + length :]
        match kind:
            case "cut":
                data = before + after
            case "insert":
                data = before + nasty + piece + after
            case "replace":
                data = before + nasty + after
            case "double":
                data = before + piece + piece + after
            case _:
                data = before
    return data


def edited_inside(data: bytes, edits: list[tuple[str, float, int, bytes]], part: int) -> bytes:
    """Edit one part of a workbook, which stays a whole zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(made, "w") as out:
        parts = packed.infolist()
        for number, one in enumerate(parts):
            content = packed.read(one)
            out.writestr(one.filename, edited(content, edits) if number == part % len(parts) else content)
    return made.getvalue()


def _corpus(*places: Path, ending: str) -> list[bytes]:
    return [file.read_bytes() for place in places for file in sorted(place.glob(f"*{ending}"))]


TABLES = _corpus(CASES, MADE, ending=".csv")
BOOKS = [*_corpus(MADE, ending=".xlsx"), *_corpus(MADE, ending=".ods"), book(as_row(draft()), as_row(draft()))]
MESSAGES = _corpus(CASES, CAP, ending=".xml")
LINES = _corpus(CASES, ending=".jsonl")
COMMANDS: dict[str, tuple[list[bytes], tuple[str, ...]]] = {
    "csv": (TABLES, ("import", "csv", "FILE", "forest_fire", *SHOUNING, "--dry-run")),
    "excel": (BOOKS, ("import", "excel", "FILE", "forest_fire", *SHOUNING, "--dry-run")),
    "firms": (TABLES, ("import", "firms", "FILE", *SHOUNING, "--dry-run")),
    "cap": (MESSAGES, ("import", "cap", "FILE", *SHOUNING)),
    "publish": (LINES, ("publish", "FILE", *SHOUNING, "--yes")),
    "explain": (LINES, ("explain", "FILE", *SHOUNING)),
    "inspect": ([], ("inspect", "FILE", "--unverified")),
    "open": ([], ("open", "FILE", "-o", os.devnull)),
}


def _never_unexpected(yizhan: Run, words: tuple[str, ...], data: bytes) -> None:
    Path("mutated").write_bytes(data)
    done = yizhan(*("mutated" if word == "FILE" else word for word in words))
    assert done.code in {0, 1}
    assert "没有预料到的错误" not in done.err, done.err


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", COMMANDS)
def test_no_mutated_file_ends_a_command_unexpectedly(home: Path, yizhan: Run, name: str) -> None:
    """After any mutation of an input file a command succeeds or prints a sentence of ours."""
    assert home.exists()
    corpus, words = COMMANDS[name]
    if not corpus:
        seal = ("seal", *SHOUNING, "--to", "331126", "--type", "yizhan.notice.v1", "-o", "letter")
        assert yizhan(*seal, given='{"kind":"text","text":"周五停电"}'.encode()).code == 0
        corpus = [Path("letter").read_bytes()]
    for each in corpus:
        _never_unexpected(yizhan, words, each)

    change: Callable[..., bytes] = edited_inside if name == "excel" else lambda data, edits, _part: edited(data, edits)

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(corpus), EDITS, st.integers(0, 20), st.booleans())
    def mutated(data: bytes, edits: list[tuple[str, float, int, bytes]], part: int, raw: bool) -> None:  # noqa: FBT001 -- drawn
        _never_unexpected(yizhan, words, edited(data, edits) if raw else change(data, edits, part))

    mutated()
