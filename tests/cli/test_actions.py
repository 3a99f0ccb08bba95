"""What is offered as a next step works: each command that an action is shown as is one that the parser takes."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

import yizhan
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.cli.actions import COMMANDS, command_of
from yizhan.cli.main import main
from yizhan.schemas.actions import Action
from yizhan.services.sample import make_sample

PARAMS = {
    "county": SHOUNING, "partner": QINGYUAN, "id": f"yizhan:{SHOUNING}/1/1", "reply_to": f"yizhan:{QINGYUAN}/1/1",
    "n": "1", "label": "2026Q3", "file": "FILE", "folder": "folder", "where": "folder", "kid": "0123456789abcdef",
    "role": "root", "type": "fire", "name": "office", "text": "文",
}  # fmt: skip
"""A sample of every parameter that a command has."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the home of two counties: which one is meant must be said."""
    folder = tmp_path_factory.mktemp("actions") / "home"
    make_sample(folder, (SHOUNING, QINGYUAN), datetime.now(UTC))
    return folder


def parse(home: Path, words: list[str]) -> None:
    """Give the words to the parser as the command line does, and run nothing."""
    context = main.make_context("yizhan", ["--home", str(home), *words])
    command: click.Command = main
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        context = found.make_context(name, list(words), parent=context)
        command = found


@pytest.mark.parametrize("kind", COMMANDS)
def test_an_offered_command_is_taken_by_the_parser(
    kind: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all its parameters, each kind of action is a command with the right words."""
    monkeypatch.chdir(tmp_path)
    for name in ("FILE", "…"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    parse(home, shlex.split(command_of(Action.to(kind, **PARAMS)))[1:])
