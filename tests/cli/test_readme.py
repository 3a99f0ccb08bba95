"""The commands of the README and of the documents are commands, and those that need no broker work as they stand."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from pathlib import Path

import click
import pytest

from tests.house.tree import ROOT
from tests.world.command import Run
from yizhan.cli.main import main

PAGES = ["README.md", "README.zh-CN.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
FILES = ["event.jsonl", "photo.jpg", "FILE.xlsx", "FILE.csv", "warning.xml", "fire.xml", "new.toml", "ID.tlog-proof",
         "FILE", "office.json", "ladder.toml", "terms.toml", "root.json"]  # fmt: skip
FOLDERS = ["DIR", "stick/requests", "stick/draft", "stick/public"]
ALONE = (
    "sample init", "keys show", "draft list", "explain", "publish", "template", "import firms", "postings list",
    "inbox list", "due", "digest list", "bell init", "bell test", "schema", "charter log",
)  # fmt: skip
"""Commands that need no broker, no person at the terminal and no event's id."""


def commands(page: str) -> list[list[str]]:
    """Return the words of each command line of ours in the shell blocks of a page; N is a number."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line.replace("< FILE", ""), comments=True) for block in blocks for line in block.splitlines()]
    ours = [line[1:] for line in lines if line[:1] == ["yizhan"] and "…" not in line]
    return [["1" if word == "N" else word for word in words if word != "&"] for words in ours]


@pytest.fixture
def _at_hand() -> None:
    """Put what the examples name into the folder in which they are run."""
    for name in FOLDERS:
        Path(name).mkdir(parents=True)
    for name in FILES:
        Path(name).write_text("")
    case = (files("yizhan.producers") / "data" / "sample-events.jsonl").read_text("utf-8").splitlines()[2]
    Path("event.jsonl").write_text(case.replace("示例-案件-1", "示例-案件-2") + "\n", "utf-8")
    Path("photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"0" * 40)
    detections = files("yizhan.producers") / "data" / "firms-modis-border-2022-04-04.csv"
    Path("detections.csv").write_bytes(detections.read_bytes())


@pytest.mark.usefixtures("_at_hand")
@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one(home: Path, page: str) -> None:
    """The parser knows every word, option and argument of the commands in the READMEs."""
    del home  # where counties are looked up
    for words in commands(page):
        context, rest = main.make_context("yizhan", list(words)), list(words)
        command: click.Command = main
        while isinstance(command, click.Group):
            _name, found, rest = command.resolve_command(context, rest)
            assert found is not None, words
            command, context = found, found.make_context(found.name, list(rest), parent=context)
            rest = [*context._protected_args, *context.args] if isinstance(command, click.Group) else []  # noqa: SLF001


@pytest.mark.usefixtures("_at_hand")
def test_those_that_need_no_broker_work(yizhan: Run) -> None:
    """The commands that need no broker end with 0 when they are run in the order of the page."""
    lines = [words for words in commands("README.md") if " ".join(words).startswith(ALONE)]
    assert {next(each for each in ALONE if " ".join(words).startswith(each)) for words in lines} == set(ALONE)
    for words in lines:
        ran = yizhan(*words)
        assert ran.code == 0, f"{words}: {ran.out}{ran.err}"


def test_both_languages_have_the_same_commands() -> None:
    """Both front pages show the same commands in the same order."""

    def names(page: str) -> list[list[str]]:
        return [[words[0], *(word for word in words if word.startswith("-"))] for words in commands(page)]

    assert names("README.md") == names("README.zh-CN.md")
