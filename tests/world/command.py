"""The command line, run as a person runs it, but in this process."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from click.testing import CliRunner

from yizhan.cli.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run said. ``raw`` is stdout as bytes."""

    code: int
    out: str
    err: str
    raw: bytes


Run = Callable[..., Ran]
"""Takes the words of a command, and ``given``: what stands on standard input."""


def run(*words: str, given: bytes = b"") -> Ran:
    """Run a command in this process; what it does not catch itself is raised."""
    done = CliRunner().invoke(main, list(words), input=io.BytesIO(given))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ran(done.exit_code, done.stdout_bytes.decode("utf-8", "replace"), done.stderr, done.stdout_bytes)
