"""A home is brought up and down with one word each: real processes, a broker of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.world.processes import YIZHAN, make_home
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.stand_ins import NAMES
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.runtime.detached import Detached
from yizhan.services.home import Home
from yizhan.services.processes import broker_pid, home_processes, is_running


def bell_into_file(folder: Path) -> Path:
    """Give a county a bell that writes one line a message, and return where."""
    script, heard = folder / "siren", folder / "heard"
    script.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$(cat)\" >> {heard}\n", encoding="utf-8")
    script.chmod(0o700)
    toml = folder / "bell.toml"
    toml.touch(mode=0o600)
    channel = f'[channels.siren]\ncommand = ["{script}"]\n[rungs]\nduty = ["siren"]\n'
    toml.write_text(f"stopped_seconds = 1\n{channel}", encoding="utf-8")
    return heard


@pytest.mark.timeout(600)
def test_a_home_comes_up_and_goes_down(tmp_path: Path) -> None:
    """Ctrl-C leaves nothing; all get ready; status sees them; a killed inbox rings its
    people; only what was killed starts again; all end.
    """
    home = Home(make_home(tmp_path / "home"))

    def words(*given: str) -> list[str]:
        return [*YIZHAN, "--home", str(home.path), *given, "--json"]

    def ask(*given: str) -> dict[str, Any]:
        done = subprocess.run(words(*given), capture_output=True, check=False)
        assert done.returncode in {0, 1}, done.stderr.decode()
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def states(shown: dict[str, Any]) -> dict[str, str]:
        return {each["name"]: each["state"] for each in shown["processes"]}

    with subprocess.Popen(words("up")) as starting:
        until((home.path / "run" / "station.pid").exists, "the station's start")
        starting.send_signal(signal.SIGINT)
        assert starting.wait(LIMIT_SECONDS) == 130
    assert broker_pid(home) is None
    assert not any(map(is_running, home_processes(home)))

    try:
        first = ask("up")
        assert states(first) == dict.fromkeys(["broker", *NAMES], "started")
        assert first["without_bell"] == sorted({QINGYUAN, SHOUNING})
        shown = ask("status")
        assert shown["broker_answers"]
        assert all(each["running"] for each in shown["processes"])
        assert {each["code"] for each in shown["problems"]} <= {"no_bell", "due_soon"}

        heard = bell_into_file(home.county_folder(QINGYUAN))
        for name in ("station", f"inbox-{QINGYUAN}"):
            pid = Detached(home.path / "run" / f"{name}.pid").pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(is_running, home_processes(home)[:2])), "their end")
        until(lambda: heard.exists() and heard.read_bytes().endswith(b"\n"), "the ring for a dead inbox")
        assert [json.loads(line)["stopped"] for line in heard.read_text("utf-8").splitlines()] == ["inbox"]
        again = [name for name, state in states(ask("up")).items() if state == "started"]
        assert again == ["station", f"inbox-{QINGYUAN}"]
    finally:
        ended = states(ask("down"))
    assert ended == dict.fromkeys(["broker", *NAMES], "stopped")
    assert broker_pid(home) is None
