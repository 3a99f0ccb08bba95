"""Jars are used only when complete, and every refusal says what to install."""

from __future__ import annotations

import json
import os
import threading
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path

import pytest

from yizhan.deploy import jars
from yizhan.deploy.errors import JarsMissing, ToolMissing
from yizhan.deploy.java import java

MAVEN = """#!/bin/sh
for word in "$@"; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done
echo run >> "$FAKE_LOG"
%s
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a cache folder that is not there yet."""
    return tmp_path / "cache" / "kafka"


def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> Path:
    """Put a Maven of our own on the path; its log has a line a run."""
    tool = tmp_path / "bin" / "mvn"
    tool.parent.mkdir()
    tool.write_text(MAVEN % does)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_versions_are_pinned_and_the_broker_can_log() -> None:
    """The pom names Kafka twice at the version of the code, and the binding that lets it log."""
    text = (resources.files("yizhan.deploy") / "kafka" / "pom.xml").read_text("utf-8")
    space = "{http://maven.apache.org/POM/4.0.0}"
    found = {
        item.findtext(f"{space}artifactId"): item.findtext(f"{space}version")
        for item in ET.fromstring(text).iter(f"{space}dependency")  # noqa: S314  our own file
    }
    assert found["kafka_2.13"] == found["kafka-tools"] == jars.KAFKA_VERSION
    assert "log4j-slf4j-impl" in found


def test_two_at_once_fetch_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and uses what it fetched."""
    log = maven(tmp_path, monkeypatch, 'sleep 0.3; echo jar > "$out/a.jar"')
    threads = [threading.Thread(target=jars.ensure_jars, args=(cache, lambda _: None)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cache / "libs" / "a.jar").exists()
    assert log.read_text() == "run\n"


def test_a_download_cut_short_is_not_used(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maven fails halfway: nothing gets the folder's name, and the error repeats Maven's words."""
    maven(tmp_path, monkeypatch, 'echo jar > "$out/a.jar"; echo "[ERROR] no route"; exit 1')
    with pytest.raises(JarsMissing, match="no route"):
        jars.ensure_jars(cache, lambda _: None)
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["jar gone", "jar short", "other pom", "no marker", "nonsense"])
def test_damaged_jars_are_fetched_again(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """A jar missing or cut, another pom, a marker lost or unreadable: fetched anew."""
    log = maven(tmp_path, monkeypatch, 'echo jar > "$out/a.jar"')
    jars.ensure_jars(cache, lambda _: None)
    jar, marker = cache / "libs" / "a.jar", cache / "complete.json"
    match damage:
        case "jar gone":
            jar.unlink()
        case "jar short":
            jar.write_text("")
        case "other pom":
            marker.write_text(json.dumps({**json.loads(marker.read_text()), "pom": "0"}))
        case "no marker":
            marker.unlink()
        case _:
            marker.write_text("[]")
    jars.ensure_jars(cache, lambda _: None)
    assert jar.read_text() == "jar\n"
    assert log.read_text() == "run\nrun\n"


def test_missing_tools_are_named(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Maven or Java the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ToolMissing, match="apt install maven"):
        jars.ensure_jars(cache, lambda _: None)
    with pytest.raises(ToolMissing, match="apt install openjdk"):
        java()


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Java 8 and 11 are named with what is wanted."""
    tool = tmp_path / "bin" / "java"
    tool.parent.mkdir()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    for version, found in (("1.8.0_392", "1"), ("11.0.2", "11")):
        tool.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
        tool.chmod(0o755)
        with pytest.raises(ToolMissing, match=f"expected Java 17 or later, got {found};"):
            java()
