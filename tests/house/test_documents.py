"""The front page is true."""

from __future__ import annotations

import re
from importlib import import_module

import click
import pytest

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


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    """CHANGELOG.md keeps an Unreleased section at its top."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
