"""The front page is true."""

from __future__ import annotations

import json
import re
from importlib import import_module

import click
import pytest

from bench.faults_table import table_of, with_table
from tests.house.tree import ROOT, texts

FRONT_PAGES = ("README.md", "README.zh-CN.md")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"^yizhan ([a-z][a-z -]*[a-z])", re.MULTILINE)
MARKDOWN = [(name, text) for name, text in texts() if name.endswith(".md")]


@pytest.mark.parametrize("page", FRONT_PAGES)
def test_the_front_page_opens_with_the_two_commands(page: str) -> None:
    """After the title come ``make demo`` and ``make test``, before any other word."""
    title, *rest = (ROOT / page).read_text("utf-8").split("\n")
    assert title.startswith("# ")
    opening = [line.split("#")[0].strip() for line in rest if line.strip()][:4]
    assert opening == ["```sh", "make demo", "make test", "```"]


@pytest.mark.parametrize(("name", "text"), MARKDOWN, ids=[name for name, _ in MARKDOWN])
def test_links_lead_somewhere(name: str, text: str) -> None:
    """Every relative link of every page leads to a file or folder that is there."""
    folder = (ROOT / name).parent
    assert [link for link in LINK.findall(text) if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", FRONT_PAGES)
def test_every_command_shown_exists(page: str) -> None:
    """Each ``yizhan …`` line of the front page names a command that the program has."""
    main = import_module("yizhan.cli.main").main
    for words in set(COMMAND.findall((ROOT / page).read_text("utf-8"))):
        command: click.Command = main
        for word in words.split():
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{page}: yizhan {words}"
            command = found


def test_the_fault_matrix_is_that_of_its_file() -> None:
    """The table in bench/README.md, if it has been made, is that of faults.json."""
    page = (ROOT / "bench/README.md").read_text("utf-8")
    result = json.loads((ROOT / "faults.json").read_text("utf-8"))
    assert not table_of(page) or with_table(page, result) == page


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    """CHANGELOG.md keeps an Unreleased section at its top."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


PAGES_IN_CHINESE = sorted(path.name for path in (ROOT / "docs/zh").glob("*.md"))
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANCHOR = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")


def outside_blocks(page: str) -> str:
    """Return a page without its blocks of commands."""
    return BLOCK.sub("", page)


def commands_of(page: str) -> list[tuple[str, list[str]]]:
    """Return the language and the commands of each block; the comments of a shell block are left out."""
    return [
        (kind, [line for each in text.split("\n") if (line := each.partition("#")[0].rstrip() if kind else each)])
        for kind, text in BLOCK.findall(page)
    ]


def rows_of(page: str) -> list[tuple[int, ...]]:
    """Return how many columns each row of each table has."""
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    return [tuple(line.count("|") for line in table.split("\n")) for table in tables]


def anchors_of(page: str) -> set[str]:
    """Return the anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#+ (.*)$", outside_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("name", PAGES_IN_CHINESE)
def test_the_chinese_page_says_what_the_english_one_says(name: str) -> None:
    """Both have the same headings, the same commands, the same tables and as many paragraphs, and link each other."""
    english, chinese = ((ROOT / "docs" / folder / name).read_text("utf-8") for folder in ("", "zh"))
    assert HEADING.findall(outside_blocks(chinese)) == HEADING.findall(outside_blocks(english))
    assert commands_of(chinese) == commands_of(english)
    assert rows_of(chinese) == rows_of(english)
    assert outside_blocks(chinese).count("\n\n") == outside_blocks(english).count("\n\n")
    assert f"](../{name})" in chinese
    assert f"](zh/{name})" in english


def test_the_pages_for_engineers_are_there_in_chinese() -> None:
    """Operations, charter and bulletin can be read in Chinese, and the Chinese front page leads there."""
    assert {"operations.md", "charter.md", "bulletin.md"} <= set(PAGES_IN_CHINESE)
    front = (ROOT / "README.zh-CN.md").read_text("utf-8")
    assert [name for name in PAGES_IN_CHINESE if f"](docs/zh/{name})" not in front] == []


@pytest.mark.parametrize(("name", "text"), MARKDOWN, ids=[name for name, _ in MARKDOWN])
def test_links_lead_to_a_heading(name: str, text: str) -> None:
    """Every anchor of a relative link is a heading of the page to which it leads."""
    folder = (ROOT / name).parent
    for page, anchor in ANCHOR.findall(outside_blocks(text)):
        if page.endswith(".md") or not page:
            target = (folder / page).read_text("utf-8") if page else text
            assert anchor in anchors_of(target), f"{page}#{anchor}"
