"""What is offered as a next step works: each command that an action is shown as is one that the parser takes."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from tests.world.command import run
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.cli.main import main
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import speaking
from yizhan.services.commands import COMMANDS, command_of
from yizhan.services.sample import make_sample

PARAMS = {
    "county": SHOUNING, "partner": QINGYUAN, "id": f"yizhan:{SHOUNING}/1/1", "reply_to": f"yizhan:{QINGYUAN}/1/1",
    "n": "1", "label": "2026Q3", "file": "FILE", "folder": "folder", "where": "folder", "kid": "0123456789abcdef",
    "role": "root", "type": "forest_fire", "name": "office", "text": "文",
    "office": "file",
}  # fmt: skip
"""A sample of every parameter that a command has."""
FILLED = {
    "audit.export": "folder", "bulletin.choose_partner": QINGYUAN, "charter.sign": SHOUNING,
    "digest.choose_partner": QINGYUAN, "event.attach": SHOUNING,
    "table.export_type": "forest_fire",
}  # fmt: skip
"""What a person writes for ``…``, where it is not the name of a file."""


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
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    words = {"…": FILLED.get(kind, "file"), "FILE": "file", "STICK": "folder", "DIR": "folder"}
    parse(home, [words.get(word, word) for word in shlex.split(command_of(Action.to(kind, **PARAMS)))[1:]])


def test_a_type_is_named_as_the_screen_names_it() -> None:
    """Whoever is told what to write reads 会商, not its name on the wire; a name of two words would be two words."""
    action = Action.to("draft.new", type="liaison.consultation", county=SHOUNING)
    assert command_of(action) == f"yizhan new 会商 --county {SHOUNING}"
    with speaking("en"):
        assert command_of(Action.to("draft.new", type="assistance.response", county=SHOUNING)).split()[2] == (
            "assistance.response"
        )


@pytest.mark.parametrize("owner", ["--station", "--ledger"])
def test_who_has_no_keys_is_told_how_to_make_just_these(owner: str, tmp_path: Path) -> None:
    """The offer after ``keys show`` makes them, and the one after ``keys generate`` shows them."""
    empty = ("--home", str(tmp_path / "home"))
    assert f"yizhan keys generate {owner}" in run(*empty, "keys", "show", owner).out
    assert f"yizhan keys show {owner} --json" in run(*empty, "keys", "generate", owner).out
    assert run(*empty, "keys", "show", owner, "--json").code == 0
