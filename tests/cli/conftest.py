"""The command line in a folder of its own, run as a person runs it."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
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


def make_home(home: Path, *words: str, pass_fds: Sequence[int] = ()) -> Path:
    """Run ``sample init`` for two counties in a process of its own: it takes a second, so fixtures do it once."""
    command = [sys.executable, "-m", "yizhan.cli", "--home", str(home), "sample", "init", "--counties", "2", *words]
    subprocess.run(command, check=True, capture_output=True, pass_fds=pass_fds)
    return home


@pytest.fixture(scope="session")
def _signed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("sample") / "yizhan-home")


@pytest.fixture
def home(_signed_once: Path, tmp_path: Path) -> Path:
    """Give the home of the two counties that really signed, in ``yizhan-home``, untouched by other tests."""
    return shutil.copytree(_signed_once, tmp_path / "yizhan-home")
