"""The demonstration, as the person runs it who has just read the README."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

FIGURES = {
    "published", "alarms_delivered", "notices_delivered", "digest_events_delivered", "refused", "lost",
    "duplicates_in_inbox", "alarm_latency_ms", "firms", "ledger",
}  # fmt: skip


@pytest.mark.timeout(600)
def test_the_demonstration_of_the_two_that_signed(tmp_path: Path) -> None:
    """It ends with status 0, its figures add up, the bulletin is written, and nothing is left running."""
    home = tmp_path / "demo"
    command = [sys.executable, "-m", "yizhan.cli", "--home", str(home), "demo", "--counties", "2", "--json"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=500, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-4000:]
    figures = json.loads(done.stdout)
    assert figures == json.loads((home / "summary.json").read_text(encoding="utf-8"))
    assert figures.keys() == FIGURES
    assert (figures["lost"], figures["duplicates_in_inbox"]) == (0, 0)
    assert (
        figures["alarms_delivered"] + figures["notices_delivered"] + figures["digest_events_delivered"]
        == (figures["published"])
    )
    assert figures["refused"] == {
        "bad_reference": 1, "bad_signature": 2, "not_a_member": 1, "unknown_key": 1, "wrong_topic": 1,
    }  # fmt: skip
    assert figures["firms"] == {"in_members": 0, "sent": 0, "kept": 0, "alarms": 0}
    ledger = figures["ledger"]
    assert ledger["statements"] >= figures["published"] + sum(figures["refused"].values()) + 2
    assert (ledger["cosigned"], ledger["quorum"]) == (2, 2)
    assert (ledger["proof_verified"], ledger["log_verified"]) == (True, True)
    assert ledger["deletion_found_in"] == "statements/000.jsonl"
    assert (ledger["pair_agrees"], ledger["deleted_letter_found"]) == (True, True)
    assert next(home.glob("carried/*.tlog-proof")).read_text("ascii", "replace").startswith("c2sp.org/tlog-proof@v1")
    assert "~~" in next(home.glob("bulletin-*.md")).read_text(encoding="utf-8")
    left = [process.pid for process in psutil.process_iter(["cmdline"]) if str(home) in str(process.info["cmdline"])]
    assert left == []


def test_a_folder_of_somebody_else_is_not_cleared(tmp_path: Path) -> None:
    """The demonstration makes its own folder anew, and touches no other."""
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    command = [sys.executable, "-m", "yizhan.cli", "--home", str(tmp_path), "demo"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 1
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"
