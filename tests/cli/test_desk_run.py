"""``yizhan desk run``: what keeps it from starting is said in a sentence."""

from __future__ import annotations

from pathlib import Path

from tests.world.command import Run
from tests.world.simulator import QINGYUAN
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.runtime.file_lock import exclusive
from yizhan.services.processes import DESK_LOCK


def test_a_county_has_one_desk(home: Path, yizhan: Run) -> None:
    """A second desk of the same county does not start, and names the process that holds the lock."""
    with exclusive(home / "counties" / QINGYUAN / f"{ACCOUNTS_FILE}{DESK_LOCK}", "serving"):
        refused = yizhan("desk", "run", "--county", QINGYUAN, "--port", "0")
    assert (refused.code, "另有一个进程在开这个值班台" in refused.err) == (1, True)


def test_a_gateway_needs_the_name_of_the_desk(home: Path, yizhan: Run, tmp_path: Path) -> None:
    """Behind a Unix socket nobody knows what browsers have in their address bar, unless it is said."""
    refused = yizhan("desk", "run", "--county", QINGYUAN, "--socket", str(tmp_path / "desk.sock"))
    assert (refused.code, "--name" in refused.err) == (1, True)


def test_others_are_not_served_without_tls(home: Path, yizhan: Run) -> None:
    """An address that others reach is refused before anything listens on it."""
    refused = yizhan("desk", "run", "--county", QINGYUAN, "--host", "0.0.0.0", "--port", "0")  # noqa: S104 -- refused
    assert (refused.code, "没有 TLS 不能用" in refused.err) == (1, True)
