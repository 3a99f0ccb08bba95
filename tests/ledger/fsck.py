"""Tessera's ``fsck``, the tool of others that every log here must pass: built once a machine."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.world.ledger import LedgerWorld
from yizhan.schemas.notes import verifier_key

MODULE: Final = "github.com/transparency-dev/tessera"
VERSION: Final = "v1.0.4"


@functools.cache
def tool(command: str = "fsck") -> Path:
    """Return a program of Tessera's, installed with ``go install`` if it is not there yet.

    Raises:
        AssertionError: it cannot be had; a log that nobody else checked has not passed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yizhan" / f"tessera-{VERSION}"
    path = cache / Path(command).name
    if not path.exists():
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
        assert go is not None, (
            "expected Go of 1.21 or later, to build Tessera's fsck: install it from your system or go.dev"
        )
        made = subprocess.run(
            [go, "install", f"{MODULE}/cmd/{command}@{VERSION}"],
            env={**os.environ, "GOBIN": str(cache), "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert made.returncode == 0, f"go install {command}: {made.stderr[-2000:]}"
    return path


def fsck(world: LedgerWorld, public: Path) -> str:
    """Let Tessera check a log's public folder; what it said (``AssertionError`` if it is not clean)."""
    key = public.with_name(public.name + ".vkey")
    key.write_text(verifier_key(world.origin, world.ledger.signing.public) + "\n", "ascii")
    done = subprocess.run(
        [tool(), f"--storage_url=file://{public.absolute()}/", f"--public_key={key}", "--ui=false"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"fsck of {public}: {done.stderr[-2000:]}"
    assert "Successfully fsck'd log" in done.stderr, done.stderr[-2000:]
    return done.stderr
