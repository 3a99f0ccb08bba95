"""Who looked at what cannot be unwritten unnoticed."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yizhan.runtime import access_log
from yizhan.runtime.access_log import EMPTY, AccessLogHead, Break
from yizhan.runtime.errors import StoreError

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def write(path: Path, count: int) -> list[AccessLogHead]:
    """Write accesses; the heads."""
    return [
        access_log.append(path, NOW, "li", "opened", "inbox show", [f"350924-2026book-{n}"])
        for n in range(1, count + 1)
    ]


def test_accesses_form_a_chain_that_holds(tmp_path: Path) -> None:
    """Each entry names the one before, the last is the head, and only the owner may read the file."""
    path = tmp_path / "county" / access_log.FILE
    heads = write(path, 3)
    entries, breaks = access_log.check(access_log.read(path), heads)
    assert breaks == []
    assert [(each.n, each.what) for each in entries] == [(n, (f"350924-2026book-{n}",)) for n in (1, 2, 3)]
    assert access_log.head(path) == heads[-1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_line_taken_out_breaks_the_chain_where_it_stood(tmp_path: Path, line: int) -> None:
    """The line after it names another; the last one's loss shows by a head that was known."""
    path = tmp_path / access_log.FILE
    heads = write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[line]
    _entries, breaks = access_log.check(lines, heads[-1:])
    assert breaks[0] == (Break(3, "head") if line == 2 else Break(line + 1, "chain"))


def test_a_changed_letter_breaks_the_chain(tmp_path: Path) -> None:
    """The next line names the line as it was; a line that is no entry is named itself."""
    path = tmp_path / access_log.FILE
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    assert access_log.check([lines[0].replace(b'"li"', b'"wu"'), *lines[1:]])[1] == [Break(2, "chain")]
    assert access_log.check([lines[0], b"{}\n", lines[2]])[1] == [Break(2, "unreadable"), Break(3, "chain")]


@pytest.mark.parametrize("cut", [1, 40])
def test_an_entry_after_a_line_that_was_cut_off_is_kept(tmp_path: Path, cut: int) -> None:
    """The power failed while a line was written: one break is named, and the next access is in the log."""
    path = tmp_path / access_log.FILE
    write(path, 2)
    path.write_bytes(path.read_bytes()[:-cut])
    access_log.append(path, NOW, "li", "opened", "inbox show", ["350924-2026book-3"])
    entries, breaks = access_log.check(access_log.read(path))
    assert entries[-1].what == ("350924-2026book-3",)
    assert breaks == ([] if cut == 1 else [Break(2, "unreadable")])


def test_a_journal_written_anew_is_not_the_one_that_was_known(tmp_path: Path) -> None:
    """A whole chain made again has another head."""
    path = tmp_path / access_log.FILE
    (known,) = write(path, 1)
    path.unlink()
    access_log.append(path, NOW, "wu", "opened", "inbox show", [])
    assert access_log.check(access_log.read(path), [known])[1] == [Break(1, "head")]
    assert access_log.check([], [EMPTY])[1] == []


def test_writers_take_turns(tmp_path: Path) -> None:
    """Many writers at once make one chain."""
    path = tmp_path / access_log.FILE
    threads = [threading.Thread(target=write, args=(path, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries, breaks = access_log.check(access_log.read(path))
    assert (len(entries), breaks) == (40, [])


def test_an_access_to_very_many_is_several_entries(tmp_path: Path) -> None:
    """Nothing that was listed is left out."""
    path = tmp_path / access_log.FILE
    names = [f"350924-2026book-{n}" for n in range(1, 2502)]
    access_log.append(path, NOW, "li", "listed", "inbox list", names)
    access_log.append(path, NOW, "li", "opened", "inbox show", names[:1])
    entries, breaks = access_log.check(access_log.read(path))
    assert [len(each.what) for each in entries] == [1000, 1000, 501, 1]
    assert breaks == []


def test_what_cannot_be_written_down_is_an_error(tmp_path: Path) -> None:
    """A folder in its place, or no right to write: a sentence, and nothing shown."""
    (tmp_path / access_log.FILE).mkdir()
    with pytest.raises(StoreError, match="先记下来"):
        access_log.append(tmp_path / access_log.FILE, NOW, "li", "opened", "inbox show", [])
    with pytest.raises(StoreError):
        access_log.head(tmp_path / access_log.FILE)
    assert os.listdir(tmp_path / access_log.FILE) == []  # noqa: PTH208 -- a folder, as made
