"""Who may import whom is held by contracts, and the contracts bite."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.house.tree import FOLDERS, ROOT, nodes, sources

OPENING = frozenset({"open_verified", "SealingKey", "load_sealing", "hpke", "MLKEM768PrivateKey"})


LINTING = """
import contextlib, io, json, sys
from importlinter.cli import lint_imports
said = {}
for contract in json.loads(sys.argv[2]) or [""]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = lint_imports(sys.argv[1], limit_to_contracts=(contract,) * bool(contract), no_cache=True, no_logo=True)
    said[contract] = (code, out.getvalue())
print(json.dumps(said))
"""


def lint_imports(*contracts: str, path: Path = ROOT) -> dict[str, tuple[int, str]]:
    """Run import-linter by our pyproject.toml; code under ``path`` stands before ours.

    Contract → exit status and what was printed; without contracts one answer for all, under an empty name.
    """
    done = subprocess.run(
        [sys.executable, "-c", LINTING, str(ROOT / "pyproject.toml"), json.dumps(contracts)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path)},
    )
    answers: dict[str, tuple[int, str]] = json.loads(done.stdout)
    return answers


def test_the_contracts_hold() -> None:
    """Layers, independence of the middle, Kafka in named files, a pure contract."""
    code, output = lint_imports()[""]
    assert code == 0, output


BREACHES = [
    ("layers", "schemas/early.py", "import yizhan.runtime"),
    ("layers", "runtime/early.py", "import yizhan.consumers"),
    ("layers", "deploy/early.py", "import yizhan.cli"),
    ("layers", "deploy/sideways.py", "import yizhan.streams"),
    ("middle", "producers/sideways.py", "import yizhan.consumers"),
    ("middle", "streams/sideways.py", "import yizhan.producers"),
    ("kafka", "runtime/wire.py", "from kafka import KafkaConsumer"),
    ("kafka", "producers/wire.py", "import kafka.errors"),
    ("kafka", "streams/station.py", "import faust"),
    ("pure", "schemas/rows.py", "import sqlite3"),
    ("pure", "schemas/wire.py", "def later():\n    import socket"),
    ("faceless", "services/screen.py", "import rich.table"),
    ("faceless", "services/asking.py", "def later():\n    import click"),
    ("stores", "cli/commands/reading.py", "from yizhan.services.stores import read_inbox"),
    ("commands", "services/shortcut.py", "import yizhan.cli.commands"),
    ("commands", "demo/shortcut.py", "from yizhan.cli.main import main"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Write all breaches into an empty house; contract → what import-linter says of it."""
    house = tmp_path_factory.mktemp("house")
    for folder in FOLDERS:
        package = house / "yizhan" / folder
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("", "utf-8")
    for part in ("commands",):
        (house / "yizhan" / "cli" / part).mkdir()
        (house / "yizhan" / "cli" / part / "__init__.py").write_text("", "utf-8")
    (house / "yizhan" / "cli" / "main.py").write_text("main = None", "utf-8")
    (house / "yizhan" / "services" / "stores.py").write_text("", "utf-8")
    for _contract, file, line in BREACHES:
        (house / "yizhan" / file).write_text(line, "utf-8")
    said = lint_imports(*dict.fromkeys(contract for contract, _file, _line in BREACHES), path=house)
    assert {contract: output for contract, (code, output) in said.items() if code != 1} == {}
    return {contract: output for contract, (_code, output) in said.items()}


@pytest.mark.parametrize(("contract", "file"), [breach[:2] for breach in BREACHES])
def test_a_breach_is_found(found: dict[str, str], contract: str, file: str) -> None:
    """A contract that no breach could break would hold nothing."""
    module = f"yizhan.{file.removesuffix('.py').replace('/', '.')}"
    assert f"{module} -> " in found[contract]


def test_nothing_is_built_on_commands() -> None:
    """A command's module is imported by its neighbours and, when it runs, by the table of commands; by nobody else."""
    importing = {
        name
        for name, text in sources(*FOLDERS, "bench", "tests/year")
        if not name.startswith("cli/yizhan/cli/commands/")
        for module in imported(text)
        if module.startswith("yizhan.cli.commands")
    }
    assert importing == set()


def imported(text: str) -> Iterator[str]:
    """Yield the modules that a program imports, at its top or within."""
    for node in nodes(text):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_itself_by_a_detour() -> None:
    """No import cycle, also not one for types only: import-linter sees folders, this sees modules."""
    modules = {_module(name): text for name, text in sources(*FOLDERS) if "/yizhan/" in name}
    rest = {module: _imported(text, modules.keys()) - {module} for module, text in modules.items()}
    while loose := {
        module
        for module, needs in rest.items()
        if not needs & rest.keys() or not any(module in others for others in rest.values())
    }:
        rest = {module: needs for module, needs in rest.items() if module not in loose}
    assert sorted(rest) == []


def _module(name: str) -> str:
    """Return the dotted name of a file such as ``schemas/yizhan/schemas/header.py``."""
    return name.partition("/")[2].removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(text: str, known: Collection[str]) -> set[str]:
    """Return the modules of ours that a file imports, wherever in it."""
    found = set()
    for node in nodes(text):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & set(known) or {node.module} & set(known)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & set(known)
    return found


def test_the_station_is_blind() -> None:
    """Law 3: no file of streams so much as names what opens an envelope."""
    for name, text in sources("streams"):
        words = set()
        for node in nodes(text):
            if isinstance(node, ast.Name):
                words.add(node.id)
            elif isinstance(node, ast.Attribute):
                words.add(node.attr)
            elif isinstance(node, ast.alias):
                words.update(node.name.split("."))
        assert words & OPENING == set(), name
