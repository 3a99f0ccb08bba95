"""One process a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from yizhan.runtime.errors import AlreadyRunning
from yizhan.runtime.file_lock import exclusive, holder


def test_a_lock_says_who_holds_it(tmp_path: Path) -> None:
    """A second holder is refused and told the first one's process id; asking takes nothing away."""
    path = tmp_path / "work.lock"
    assert holder(path) is None
    with exclusive(path, "works"):
        assert holder(path) == str(os.getpid())
        with (
            pytest.raises(AlreadyRunning, match=rf"另有一个进程works（进程号 {os.getpid()}，"),
            exclusive(path, "works"),
        ):
            pass
    assert holder(path) is None
    with exclusive(path, "works"):
        assert holder(path) == str(os.getpid())
