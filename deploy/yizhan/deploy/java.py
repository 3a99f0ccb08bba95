"""The Java that runs the broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from yizhan.deploy.errors import ToolMissing

JAVA_AT_LEAST: Final = 17


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that is new enough: its program, and version and build as it says them."""

    path: str
    release: str


def java() -> Java:
    """Return the Java of ``JAVA_HOME``, else of the path. Raises :class:`ToolMissing`."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=f"{home}/bin") if home else None
    path = path or shutil.which("java")
    if path is None:
        raise ToolMissing(
            f"java: expected Java {JAVA_AT_LEAST} or later, got none; "
            "`apt install openjdk-17-jre-headless`, or set JAVA_HOME"
        )
    output = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    lines = (output.stderr + output.stdout).splitlines()
    # Neither what it picked up from variables, nor the third line, which says how these let it compile.
    release = "\n".join([line for line in lines if not line.startswith(("NOTE:", "Picked up"))][:2])
    match = re.search(r'version "(\d+)', release)
    if match is None or int(match[1]) < JAVA_AT_LEAST:
        got = match[1] if match else "a program without a version number"
        raise ToolMissing(
            f"{path}: expected Java {JAVA_AT_LEAST} or later, got {got}; "
            "`apt install openjdk-17-jre-headless`, or set JAVA_HOME"
        )
    return Java(path, release)
