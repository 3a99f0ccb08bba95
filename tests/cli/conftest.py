"""The command line in a folder of its own, run as a person runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.audit_cases import INTELLIGENCE
from tests.world.command import Run, run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.language import HOME_VARIABLE
from yizhan.schemas import i18n


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
    return run


@pytest.fixture(scope="session")
def _signed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sample") / "yizhan-home"
    assert run("--home", str(home), "sample", "init", "--counties", "2").code == 0
    return home


@pytest.fixture
def home(_signed_once: Path, tmp_path: Path) -> Path:
    """Give the home of the two counties that really signed, in ``yizhan-home``, untouched by other tests."""
    return shutil.copytree(_signed_once, tmp_path / "yizhan-home")


@pytest.fixture
def station(home: Path) -> Station:
    """Return a station between the two."""
    return Station(home)


@pytest.fixture
def fires(station: Station, yizhan: Run) -> list[str]:
    """Send three fires; the first is acknowledged, a routine report waits for its quarter, all is in the log."""
    later = [{**FIRE, "external_ref": f"接-{n}"} for n in (2, 3)]
    ids = publish(yizhan, SHOUNING, FIRE, *later, INTELLIGENCE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    yizhan("inbox", "ack", ids[0], "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    return ids
