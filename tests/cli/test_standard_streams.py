"""Standard input and output in every state, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.command import Run

SHOUNING = "350924"


def shell(words: str, **more: str) -> tuple[int, str]:
    """Run ``yizhan`` from a shell with redirections; return its code and what it said on either stream."""
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", words.replace("yizhan ", f"{sys.executable} -m yizhan.cli ")],
        capture_output=True,
        env={**os.environ, **more},
        check=False,
        timeout=120,
    )
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("yizhan explain - <&-", "标准输入已关闭"),
        ("yizhan schema draft >/dev/full", "标准输出: 磁盘已满"),
        ("yizhan new forest_fire --county 350924 <&-", "需要回答"),
        ("printf '\\xff\\n' | yizhan new forest_fire --county 350924", "读到的文字不是"),
    ],
)
def test_a_state_of_the_streams_is_named(home: Path, words: str, said: str) -> None:
    """A closed, full or differently encoded standard stream is named in one sentence."""
    assert home.exists()
    code, told = shell(words, PYTHONIOENCODING="utf-8")
    assert code == 1
    assert said in told
    assert "没有预料到" not in told


@pytest.mark.exhaustive
def test_whoever_stops_reading_ends_it_in_silence(home: Path) -> None:
    """When the reader of a pipe stops, the command ends without a traceback or message."""
    assert home.exists()
    _code, told = shell("yizhan schema draft 2>err | head -c 1; cat err")
    assert told == "{"


@pytest.mark.exhaustive
def test_every_character_is_written_in_any_encoding(home: Path) -> None:
    """The command works whatever encoding the terminal has: ASCII, GBK or Latin-1."""
    assert home.exists()
    for encoding in ("ascii", "gbk", "latin-1"):
        code, told = shell("yizhan explain yizhan-home/event.jsonl --county 350924", PYTHONIOENCODING=encoding)
        assert code in {0, 1}
        assert "没有预料到" not in told
        assert "Unicode" not in told


def test_a_file_with_nothing_in_it_is_no_success(home: Path, yizhan: Run) -> None:
    """An empty file of drafts or a table is a failure; a FIRMS file with headings only is a success."""
    assert home.exists()
    Path("empty.jsonl").write_text("\n\n", "utf-8")
    assert yizhan("template", "forest_fire", "-o", "empty.csv").code == 0
    head = "latitude,longitude,scan,track,acq_date,acq_time,satellite,confidence,frp\n"
    Path("firms.csv").write_text(head, "utf-8")
    for words in (
        ("publish", "empty.jsonl"),
        ("import", "csv", "empty.csv", "forest_fire"),
    ):
        done = yizhan(*words, "--county", SHOUNING)
        assert done.code == 1, words
        assert "没有一" in done.err
    done = yizhan("import", "firms", "firms.csv", "--county", SHOUNING)
    assert done.code == 0
    assert "没有一个热点" in done.err
    Path("none.csv").write_bytes(b"")
    assert yizhan("import", "firms", "none.csv", "--county", SHOUNING).code == 1
