"""The demonstration, as the person runs it who has just read the README."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.schemas.timestamps import instant

FIGURES = {
    "published", "alarms_delivered", "notices_delivered", "digest_events_delivered", "refused", "lost",
    "duplicates_in_inbox", "alarm_latency_ms", "bell_ms", "firms", "climbed", "ledger",
}  # fmt: skip


@pytest.mark.timeout(600)
def test_the_demonstration_of_the_two_that_signed(tmp_path: Path) -> None:
    """Kept up, it is alone in its folder; told to end, it ends with 0, its figures add up and nothing is left."""
    home = tmp_path / "demo"
    with (tmp_path / "said").open("wb") as said:
        demo = subprocess.Popen(
            command(home, "--counties", "2", "--json", "--keep"), stdout=subprocess.PIPE, stderr=said
        )
    assert demo.stdout is not None
    figures = json.loads(demo.stdout.readline() or "null")
    assert figures is not None, (tmp_path / "said").read_text(encoding="utf-8")[-4000:]
    second = subprocess.run(command(home), capture_output=True, check=False, text=True, timeout=LIMIT_SECONDS)
    assert second.returncode == 1
    assert f"进程 {demo.pid}" in second.stderr
    assert left(home) > 5
    demo.terminate()
    demo.terminate()
    assert demo.wait(LIMIT_SECONDS) == 0
    demo.stdout.close()
    assert left(home) == 0
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
    assert figures["bell_ms"]["rings"] == figures["alarms_delivered"]
    assert figures["climbed"] == {"second-phone": 5, "liaison-officer": 10, "leader": 15}
    ledger = figures["ledger"]
    assert ledger["statements"] >= figures["published"] + sum(figures["refused"].values()) + 2
    assert (ledger["cosigned"], ledger["quorum"]) == (2, 2)
    assert (ledger["proof_verified"], ledger["log_verified"]) == (True, True)
    assert ledger["deletion_found_in"] == "statements/000.jsonl"
    assert (ledger["pair_agrees"], ledger["deleted_letter_found"]) == (True, True)
    assert next(home.glob("carried/*.tlog-proof")).read_text("ascii", "replace").startswith("c2sp.org/tlog-proof@v1")
    assert "~~" in next(home.glob("bulletin-*.md")).read_text(encoding="utf-8")
    waited = latencies(home)
    assert figures["alarm_latency_ms"]["p50"] == pytest.approx(waited[len(waited) // 2], abs=0.1)


def test_a_demonstration_cut_short_leaves_nothing(tmp_path: Path) -> None:
    """Its terminal goes while the broker starts: it ends with 129, and so does the broker."""
    home = tmp_path / "demo"
    demo = subprocess.Popen(command(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until((home / "broker" / "pid").exists, "the broker's process")
    demo.send_signal(signal.SIGHUP)
    demo.send_signal(signal.SIGINT)
    assert demo.wait(LIMIT_SECONDS) == 128 + signal.SIGHUP
    assert left(home) == 0


def command(home: Path, *words: str) -> list[str]:
    """Return the command line of a demonstration."""
    return [sys.executable, "-m", "yizhan.cli", "--home", str(home), "demo", *words]


def left(home: Path) -> int:
    """Count the processes of a home."""
    return sum(str(home) in str(process.info["cmdline"]) for process in psutil.process_iter(["cmdline"]))


def latencies(home: Path) -> list[float]:
    """Return how long each alarm took from its outbox to its inbox, in ms, as the books have it; ordered."""
    accepted: dict[str, str] = {}
    for path in home.glob("counties/*/outbox.sqlite3"):
        with contextlib.closing(sqlite3.connect(path)) as books:
            accepted |= dict(books.execute("SELECT id, accepted FROM events"))
    stored: list[tuple[str, str]] = []
    for path in home.glob("counties/*/inbox.sqlite3"):
        with contextlib.closing(sqlite3.connect(path)) as books:
            stored += books.execute("SELECT id, stored FROM items WHERE way = 'alarm'").fetchall()
    return sorted((instant(at) - instant(accepted[event])).total_seconds() * 1000 for event, at in stored)


def test_a_folder_of_somebody_else_is_not_cleared(tmp_path: Path) -> None:
    """The demonstration makes its own folder anew, and touches no other."""
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    done = subprocess.run(command(tmp_path), capture_output=True, check=False, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 1
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"
