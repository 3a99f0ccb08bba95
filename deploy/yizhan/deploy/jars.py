"""Kafka's own jars: fetched once by Maven, by pinned version, into the user's cache.

Rule 1: the folder gets its name only when it is complete; an interrupted download is not used.
Rule 2: two processes that need them at the same time fetch them once.
Rule 3: Maven checks every file against the repository's checksum (``-C``).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from yizhan.deploy.errors import JarsMissing, ToolMissing
from yizhan.schemas.i18n import _

KAFKA_VERSION: Final = "4.3.1"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_FILES: Final = resources.files("yizhan.deploy") / "kafka"

Progress = Callable[[str], None]


def cache_folder() -> Path:
    """Return the folder of the jars: ``${XDG_CACHE_HOME:-~/.cache}/yizhan/kafka-<version>``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "yizhan" / f"kafka-{KAFKA_VERSION}"


def ensure_jars(folder: Path, progress: Progress) -> Path:
    """Return the folder of the jars, fetched if they are missing; ``progress`` gets sentences.

    Takes about 30 s on a fast line and 55 MB of disk, the first time only.
    Raises :class:`ToolMissing` without Maven, :class:`JarsMissing` when the download fails.
    """
    libs = folder / "libs"
    if _complete(folder):
        return libs
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(folder.name + ".lock")):
        if _complete(folder):  # another process was first
            return libs
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        (part / "libs").mkdir(parents=True)
        progress(_("用 Maven 取 Apache Kafka {version}（55 MB，只取一次）").format(version=KAFKA_VERSION))
        _download(part, progress)
        sizes = {jar.name: jar.stat().st_size for jar in sorted((part / "libs").glob("*.jar"))}
        (part / "complete.json").write_text(json.dumps({"pom": _pom_hash(), "jars": sizes}))
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    return libs


def jar_files(folder: Path) -> list[Path]:
    """Return the jars in the order in which Java searches them: an archive of classes holds for one order only."""
    return sorted((folder / "libs").glob("*.jar"))


def class_path(folder: Path) -> str:
    """Return Java's ``-cp``. A wildcard would follow the order of the directory, which a copy changes."""
    return os.pathsep.join(map(str, jar_files(folder)))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file for the block; the kernel frees it when the process dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _complete(folder: Path) -> bool:
    """Return whether every jar of the marker exists, at its size, from this very ``pom.xml``."""
    try:
        marker = json.loads((folder / "complete.json").read_text())
        return bool(marker["pom"] == _pom_hash()) and all(
            (folder / "libs" / name).stat().st_size == size for name, size in marker["jars"].items()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def _pom_hash() -> str:
    return hashlib.sha256((_FILES / "pom.xml").read_bytes()).hexdigest()


def _download(part: Path, progress: Progress) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolMissing("mvn: expected Maven, got none; `apt install maven`")
    (part / "pom.xml").write_bytes((_FILES / "pom.xml").read_bytes())
    argv = [maven, "-B", "-C", "-ntp", "-f", str(part / "pom.xml"), _PLUGIN]
    argv += [f"-DoutputDirectory={part / 'libs'}", "-DincludeScope=runtime"]
    output: list[str] = []
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout or ():
            output.append(line.rstrip())
            copied = len(list((part / "libs").glob("*.jar")))
            if copied and copied % 20 == 0 and "Copying" in line:
                progress(_("已取 {count} 个 jar").format(count=copied))
    if process.returncode != 0:
        errors = [line for line in output if "ERROR" in line][:5] or output[-5:]
        raise JarsMissing(
            "Maven could not fetch Kafka's jars: check the network, or a mirror in "
            "~/.m2/settings.xml, then run it again; its output:\n" + "\n".join(errors)
        )
