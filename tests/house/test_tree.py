"""What is in the repository can be read, rebuilt and published as it is."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT, texts

# Written apart, so that this file does not find itself.
REGISTRIES = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "proxy" + ".golang.org",
    "crates" + ".io",
    "repo.maven" + ".apache.org",
    "repo1.maven" + ".org",
    "deb.debian" + ".org",
)
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|farm|tmp/bash_jobs)" + r"/")
BARE_IGNORE = re.compile(r"#\s*(?:type" + r":\s*ignore(?!\[)|noqa(?!:))")
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return package → version of one requirement file; where Pythons differ, the last."""
    return dict(PIN.findall((ROOT / "requirements" / name).read_text("utf-8")))


def test_no_file_names_a_registry() -> None:
    """Which mirror packages come from is the machine's business, not the repository's."""
    named = [(name, host) for name, text in texts() for host in REGISTRIES if host in text]
    assert named == []


def test_no_file_carries_a_path_of_one_machine() -> None:
    """A path that exists on one machine only tells the others nothing."""
    assert [(name, m.group()) for name, text in texts() if (m := MACHINE_PATH.search(text))] == []


def test_every_silenced_check_says_which() -> None:
    """An ignore without a code would silence tomorrow's fault too."""
    silenced = [name for name, text in texts() if name.endswith(".py") and BARE_IGNORE.search(text)]
    assert silenced == []


def test_no_lock_file_is_tracked() -> None:
    """Versions are pinned by hashed requirement files, which record no download address."""
    locks = ("uv.lock", "poetry.lock", "package-lock.json")
    assert [name for name, _ in texts() if name.endswith(locks)] == []


@pytest.mark.parametrize("name", ["base.txt", "dev.txt"])
def test_every_pin_has_hashes(name: str) -> None:
    """Each pinned package is followed by its hashes, and nothing but comments stands between."""
    lines = (ROOT / "requirements" / name).read_text("utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert line.startswith(("    --hash=sha256:", "    # ")) or PIN.match(line), line
        if PIN.match(line):
            assert following.startswith("    --hash=sha256:"), line


def test_the_pins_are_what_pyproject_asks_for() -> None:
    """A dependency changed in pyproject.toml alone is noticed: run ``make requirements``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    base, dev = pins("base.txt"), pins("dev.txt")
    for requirement in map(Requirement, asked):
        if requirement.name != project["name"]:
            assert requirement.specifier.contains(base[canonicalize_name(requirement.name)])
    assert {name: dev.get(name) for name in base} == base


def test_every_make_target_is_listed_by_help() -> None:
    """``make`` alone shows every command of daily life, each with its line of help."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    shown = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = set(re.findall(r"^  make (\w+) +\w", shown, re.MULTILINE))
    assert targets == set(phony.split()) == listed


def test_continuous_integration_is_make_test() -> None:
    """What CI runs is what a person runs."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").rstrip().endswith("exec make test")
