"""Files that commands read and write: what is none of theirs is told once, what is there is never overwritten."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.world.command import Run

WORD = '{"kind":"text","text":"上午的会改到三点"}'.encode()
SEAL = ("seal", "--county", "350924", "--to", "331126", "--type", "yizhan.notice.v1")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "是空的"),
        (b" \n\n", "是空的"),
        (bytes(range(256)) * 40, "既不是信封"),
        (b"\n".join([b"word"] * 99), "既不是信封"),
    ],
)
def test_what_holds_no_event_is_told_in_one_sentence(yizhan: Run, home: Path, data: bytes, said: str) -> None:
    """An empty file and a binary one are no envelope and no JSON Lines."""
    Path("thing").write_bytes(data)
    ran = yizhan("explain", "thing")
    assert ran.code == 1
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert ran.out == ""
    assert home.exists()


def test_a_file_that_is_there_is_not_overwritten(yizhan: Run, home: Path) -> None:
    """No file is replaced by ``open -o`` or ``seal -o``."""
    assert yizhan(*SEAL, "-o", "letter", given=WORD).code == 0
    before = Path("letter").read_bytes()
    for command, given in (((*SEAL, "-o", "letter"), WORD), (("open", "letter", "-o", "letter"), b"")):
        ran = yizhan(*command, given=given)
        assert ran.code == 1
        assert "没有覆盖" in ran.err
        assert Path("letter").read_bytes() == before
    assert home.exists()


def test_offline_commands_speak_json_too(yizhan: Run, home: Path) -> None:
    """What seal, open and inspect say is one document each, and they agree."""
    sealed = json.loads(yizhan(*SEAL, "--json", given=WORD).out)
    Path("letter").write_bytes(base64.b64decode(sealed["envelope"]))
    assert sealed["bytes"] == Path("letter").stat().st_size
    opened = json.loads(yizhan("open", "letter", "--json").out)
    assert opened["payload"] == json.loads(WORD)
    inspected = json.loads(yizhan("inspect", "letter", "--json").out)
    assert sealed["header"] == opened["header"] == inspected["header"]
    assert sealed["hash"] == opened["hash"] == inspected["hash"]
    kept = json.loads(yizhan("open", "letter", "-o", "word", "--json").out)
    assert (kept["file"], kept["payload"]) == ("word", None)
    assert Path("word").read_bytes() == WORD
    assert home.exists()


def test_a_variable_that_says_nothing_is_told(yizhan: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language that is none and a setting that there is not are passed over, but not in silence."""
    for name, value in {"YIZHAN_LANG": "fr", "YIZHAN_FOO": "1"}.items():
        monkeypatch.setenv(name, value)
        ran = yizhan("keys", "show", "--county", "350924")
        assert ran.code == 0
        assert name in ran.err
        assert "未采用" in ran.err
        monkeypatch.delenv(name)
    assert yizhan("keys", "show", "--county", "350924").err == ""
    assert home.exists()
