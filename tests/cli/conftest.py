"""The command line in a folder of its own, run as a person runs it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from yizhan.cli.language import HOME_VARIABLE
from yizhan.cli.main import main
from yizhan.schemas import i18n


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run said. ``raw`` is stdout as bytes."""

    code: int
    out: str
    err: str
    raw: bytes


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with no variables of ours set, and leave the language as it was."""
    monkeypatch.chdir(tmp_path)
    for name in (HOME_VARIABLE, i18n.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(i18n._Process, "language", None)  # noqa: SLF001 -- put back when the test ends


@pytest.fixture
def yizhan() -> Run:
    """Run ``yizhan`` with these words; ``given`` is what stands on standard input."""

    def run(*arguments: str, given: bytes = b"") -> Ran:
        done = CliRunner().invoke(main, list(arguments), input=io.BytesIO(given))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout_bytes.decode("utf-8", "replace"), done.stderr, done.stdout_bytes)

    return run


@pytest.fixture
def home(yizhan: Run, tmp_path: Path) -> Path:
    """Make the home of the two counties that really signed, in ``yizhan-home``."""
    assert yizhan("sample", "init", "--counties", "2").code == 0
    return tmp_path / "yizhan-home"
