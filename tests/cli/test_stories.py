"""Stories of the command line, as plain text: ``tests/stories/*.txt``.

A story begins with files (``-- name --`` and their content), then tells commands and what they say:

    # a sentence that holds
    $ yizhan inspect letter        run it; < FILE and > FILE redirect
    ? 1                            its exit status, 0 unless told
    | "verified": false            a fragment of stdout
    ! bad_signature                a fragment of stderr
    ~ 乙醇                         what neither says
    % flip letter 700              change one bit of a file at an offset from its start; from its end if negative
    % mode FILE 0600               its permissions
"""

from __future__ import annotations

import re
import shlex
import stat
from pathlib import Path

import pytest

from tests.world.command import Ran, Run

STORIES = sorted((Path(__file__).parents[1] / "stories").glob("*.txt"))
NAMED = re.compile(r"^-- (\S+) --$")


def told(story: Path) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Take a story apart into its files and its numbered lines."""
    files: dict[str, str] = {}
    lines: list[tuple[int, str]] = []
    name: str | None = None
    for number, line in enumerate(story.read_text("utf-8").splitlines(), 1):
        if found := NAMED.match(line):
            name = found[1]
            files[name] = ""
        elif line.startswith(("$ yizhan", "# ")):
            name = None
            lines.append((number, line))
        elif name is not None:
            files[name] += line + "\n"
        elif line.strip():
            lines.append((number, line))
    return files, lines


def act(words: list[str]) -> None:
    """Do something to a file."""
    if words[0] == "flip":
        data = bytearray(Path(words[1]).read_bytes())
        data[int(words[2])] ^= 1
        Path(words[1]).write_bytes(bytes(data))
    elif words[0] == "mode":
        for path in Path().glob(words[1]):
            assert stat.S_IMODE(path.stat().st_mode) == int(words[2], 8), path
    else:
        raise AssertionError(words)


def run(yizhan: Run, line: str) -> Ran:
    """Run one command line with its redirections."""
    words = shlex.split(line)
    given, target = b"", None
    if "<" in words:
        at = words.index("<")
        given = Path(words[at + 1]).read_bytes()
        del words[at : at + 2]
    if ">" in words:
        at = words.index(">")
        target = Path(words[at + 1])
        del words[at : at + 2]
    assert words[0] == "yizhan"
    ran = yizhan(*words[1:], given=given)
    if target is not None:
        target.write_bytes(ran.raw)
    return ran


@pytest.mark.parametrize("story", STORIES, ids=[story.stem for story in STORIES])
def test_the_story_is_true(story: Path, yizhan: Run) -> None:
    """Every command of a story says what the story tells, and ends as it tells."""
    files, lines = told(story)
    for name, content in files.items():
        Path(name).write_text(content, "utf-8")
    ran, expected = Ran(0, "", "", b""), 0
    where = ""
    for number, line in [*lines, (0, "$")]:
        mark, text = line[0], line[1:].strip()
        if mark == "$":
            assert ran.code == expected, f"{where}: ended with {ran.code}\n{ran.out}{ran.err}"
            if text:
                where, expected = f"{story.name}:{number}", 0
                ran = run(yizhan, text)
        elif mark == "?":
            expected = int(text)
        elif mark == "|":
            assert text in ran.out, f"{story.name}:{number}\n{ran.out}\n{ran.err}"
        elif mark == "!":
            assert text in ran.err, f"{story.name}:{number}\n{ran.out}\n{ran.err}"
        elif mark == "~":
            assert text not in ran.out + ran.err, f"{story.name}:{number}"
        elif mark == "%":
            act(shlex.split(text))
        else:
            assert mark == "#", f"{story.name}:{number}: {line}"
