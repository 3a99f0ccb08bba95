"""The repository as the tests of the house see it: what git tracks, and nothing else."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import Final, TypeGuard

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDERS: Final = (
    "schemas",
    "runtime",
    "charter",
    "producers",
    "streams",
    "consumers",
    "ledger",
    "bulletin",
    "deploy",
    "services",
    "cli",
    "desk",
    "demo",
)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the tracked files that are there, as absolute paths."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in listing.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


@cache
def syntax(text: str) -> ast.Module:
    """Return the syntax tree of a source; each is parsed once in a run."""
    return ast.parse(text)


@cache
def nodes(text: str) -> tuple[ast.AST, ...]:
    """Return every node of a source's syntax tree; each tree is walked once in a run."""
    return tuple(ast.walk(syntax(text)))


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Return (name, text) of every tracked file that is text."""
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            name = path.relative_to(ROOT).as_posix()
            found.append((name, data.decode("utf-8", errors="replace")))
    return tuple(found)


def is_action(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether this is ``Action.to(…)``."""
    match node:
        case ast.Call(func=ast.Attribute(attr="to", value=ast.Name(id="Action"))):
            return True
    return False


def sources(*folders: str) -> tuple[tuple[str, str], ...]:
    """Return (name, text) of the tracked Python files under ``folders``."""
    starts = tuple(f"{folder}/" for folder in folders)
    return tuple((name, text) for name, text in texts() if name.endswith(".py") and name.startswith(starts))
