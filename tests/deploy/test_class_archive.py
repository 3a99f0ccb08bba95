"""The archive of classes is used only where Java can use it, and only whole: a short one would end Java."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from yizhan.deploy import class_archive
from yizhan.deploy.class_archive import archive, is_settled, keep
from yizhan.deploy.jars import class_path
from yizhan.deploy.java import Java

JAVA = Java("/usr/bin/java", 'openjdk version "17.0.15"')


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a cache with two jars and the archive of their classes."""
    cache = tmp_path / "kafka"
    (cache / "libs").mkdir(parents=True)
    for name in ("b.jar", "a.jar"):
        (cache / "libs" / name).write_text(name)
    keep(cache, JAVA, written(tmp_path))
    return cache


def written(folder: Path) -> Path:
    """Return a file as Java writes it at its end."""
    path = folder / "made.jsa"
    path.write_bytes(b"classes" * 1000)
    return path


def test_it_is_used_by_the_java_that_made_it(cache: Path) -> None:
    """What was kept is found, again and again, and needs no second rehearsal."""
    assert archive(cache, JAVA) == cache / class_archive.ARCHIVE
    assert is_settled(cache, JAVA)


@pytest.mark.parametrize("damage", ["short", "empty", "gone", "changed", "no marker", "nonsense", "a folder"])
def test_a_damaged_one_is_not_used(cache: Path, damage: str) -> None:
    """Cut short by a full disk, changed, without its hash: as if there were none."""
    path, marker = cache / class_archive.ARCHIVE, cache / "classes.json"
    match damage:
        case "short":
            os.truncate(path, 6999)
        case "empty":
            os.truncate(path, 0)
        case "gone":
            path.unlink()
        case "changed":
            path.write_bytes(b"Classes" * 1000)
        case "no marker":
            marker.unlink()
        case "nonsense":
            marker.write_bytes(b"\xff[")
        case _:
            path.unlink()
            path.mkdir()
    assert archive(cache, JAVA) is None
    assert not is_settled(cache, JAVA)


@pytest.mark.parametrize("change", ["release", "path", "time", "size", "another jar"])
def test_another_java_or_other_jars_get_their_own(cache: Path, tmp_path: Path, change: str) -> None:
    """After an upgrade of Java, or a change of a jar, it is not used until it is made anew."""
    java, jar = JAVA, cache / "libs" / "a.jar"
    match change:
        case "release":
            java = Java(JAVA.path, 'openjdk version "17.0.16"')
        case "path":
            java = Java("/opt/java/bin/java", JAVA.release)
        case "time":
            os.utime(jar, ns=(1, 1))
        case "size":
            was = jar.stat()
            jar.write_text("longer than before")
            os.utime(jar, ns=(was.st_atime_ns, was.st_mtime_ns))
        case _:
            (cache / "libs" / "c.jar").touch()
    assert archive(cache, java) is None
    assert not is_settled(cache, java)
    keep(cache, java, written(tmp_path))
    assert archive(cache, java) == cache / class_archive.ARCHIVE


def test_a_java_that_writes_none_is_remembered(cache: Path, tmp_path: Path) -> None:
    """It is not asked again at each start; another Java is."""
    other = Java("/opt/java/bin/java", 'openjdk version "21"')
    keep(cache, other, tmp_path / "never written")
    assert archive(cache, other) is None
    assert is_settled(cache, other)
    assert not is_settled(cache, JAVA)


def test_jars_are_searched_in_the_order_of_their_names(cache: Path) -> None:
    """An archive holds for one order; that of a directory may change when it is copied."""
    assert class_path(cache) == f"{cache}/libs/a.jar:{cache}/libs/b.jar"
