"""The same 1 KiB sealed and opened by age and by GnuPG, as an office without Yizhan would do it.

Both are programs, so each of their figures contains the start of a process; ``start_ms`` is that of one that does
nothing. GnuPG signs and encrypts (Ed25519, X25519) and checks the signature; age encrypts (X25519) and signs nothing.
Neither has a post-quantum key here, nor a header that a station may read. A program that is not installed is None.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.harness import percentile, significant
from bench.throughput import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS: Final = 20
_KEYS: Final = """%no-protection
Key-Type: eddsa
Key-Curve: Ed25519
Subkey-Type: ecdh
Subkey-Curve: Curve25519
Name-Email: county@example
%commit
"""


def measure() -> dict[str, Any]:
    """Return median milliseconds of sealing and opening by each program."""
    with tempfile.TemporaryDirectory(prefix="yizhan-bench-") as name:
        folder = Path(name)
        found = {tool: make(folder) for tool, make in (("age", _age), ("gpg", _gpg)) if shutil.which(tool)}
        tools: dict[str, Any] = {"age": None, "gpg": None}
        try:
            for tool, (seal, unseal) in found.items():
                sealed = _run(seal, PAYLOAD)
                assert _run(unseal, sealed) == PAYLOAD
                tools[tool] = {"seal_ms": _median(seal, PAYLOAD), "open_ms": _median(unseal, sealed)}
        finally:
            if "gpg" in found:
                subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], check=False)
        return {"start_ms": _median(["true"], b""), **tools}


def _age(folder: Path) -> tuple[list[str], list[str]]:
    key = folder / "age.key"
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    recipient = subprocess.run(
        ["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True
    ).stdout.strip()
    return ["age", "--encrypt", "--recipient", recipient], ["age", "--decrypt", "--identity", str(key)]


def _gpg(folder: Path) -> tuple[list[str], list[str]]:
    gpg = ["gpg", "--homedir", str(folder), "--batch", "--quiet", "--trust-model", "always"]
    subprocess.run([*gpg, "--generate-key"], input=_KEYS.encode(), check=True, capture_output=True)
    seal = [*gpg, "--compress-algo", "none", "--sign", "--encrypt", "--recipient", "county@example"]
    return seal, [*gpg, "--decrypt"]


def _run(command: Sequence[str], data: bytes) -> bytes:
    return subprocess.run(command, input=data, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def _median(command: Sequence[str], data: bytes) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        _run(command, data)
        times.append((time.perf_counter() - begun) * 1000)
    return significant(percentile(times, 0.5))
