"""Twelve folders make one namespace, one wheel and one command."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.house.tree import FOLDERS, ROOT, tracked


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Return the names inside a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with ZipFile(path) as archive:
        return frozenset(archive.namelist())


def test_the_namespace_has_no_init() -> None:
    """A yizhan/__init__.py anywhere would hide the twelve sibling packages; there is none."""
    assert [path for path in ROOT.glob("*/yizhan/__init__.py") if path.exists()] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_a_typed_package_with_a_front_page(folder: str) -> None:
    """Each of the thirteen has README.md, __init__.py with a docstring, and py.typed."""
    package = ROOT / folder / "yizhan" / folder
    assert (ROOT / folder / "README.md").is_file()
    assert (package / "py.typed").is_file()
    assert (package / "__init__.py").read_text("utf-8").startswith('"""')


def test_every_folder_with_code_is_listed() -> None:
    """A new folder of the namespace is added to the thirteen on purpose, never by accident."""
    assert {path.parent.name for path in ROOT.glob("*/yizhan")} == set(FOLDERS)


def test_the_wheel_holds_all_code_and_data(wheel: frozenset[str]) -> None:
    """Catalogues, code lists, outlines, pom.xml and the like travel beside the code."""
    expected = {
        Path(*path.relative_to(ROOT).parts[1:]).as_posix()
        for path in tracked()
        if path.relative_to(ROOT).parts[0] in FOLDERS and path.relative_to(ROOT).parts[1] == "yizhan"
    }
    assert "yizhan/schemas/locale/en/LC_MESSAGES/yizhan.po" in expected
    assert expected - wheel == set()


def test_the_wheel_brings_one_name(wheel: frozenset[str]) -> None:
    """Beside its own metadata the wheel puts nothing but ``yizhan/<folder>/`` on the path."""
    code = {name for name in wheel if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in code} == {"yizhan"}
    assert {name.split("/")[1] for name in code} == set(FOLDERS)


def test_one_version() -> None:
    """What is installed calls itself what pyproject.toml says; else run ``make setup``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert version("yizhan") == project["version"]


def test_the_command_is_there() -> None:
    """The console script ``yizhan`` loads and can be called."""
    (script,) = entry_points(group="console_scripts", name="yizhan")
    assert callable(script.load())
