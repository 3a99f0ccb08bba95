"""The name of a station's process in its group: kept over a restart, and never that of a standby beside it."""

from __future__ import annotations

from pathlib import Path

from yizhan.services.station import seat


def test_a_standby_of_the_same_home_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Two processes have two names, each gets its own again, and another part or home has others."""
    lock = tmp_path / "worker.lock"
    with seat(lock) as first, seat(lock) as second:
        assert first != second
    with seat(lock) as again:
        assert again == first
    (tmp_path / "other").mkdir()
    with seat(tmp_path / "east-worker.lock") as east, seat(tmp_path / "other" / "worker.lock") as elsewhere:
        assert len({first, second, east, elsewhere}) == 4
