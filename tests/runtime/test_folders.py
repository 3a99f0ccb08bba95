"""What is written for its owner alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yizhan.runtime.folders import private_file, write_private

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file_is_its_owners(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask gives others."""
    was = os.umask(0)
    try:
        write_private(tmp_path / "new", b"1")
    finally:
        os.umask(was)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_closed_before_anything_is_in_it(tmp_path: Path) -> None:
    """What stood in it is gone, and its mode is 0600 before the first byte is written."""
    path = tmp_path / "old"
    path.write_bytes(b"longer than what comes")
    path.chmod(0o644)
    with private_file(path) as file:
        assert path.stat().st_mode & 0o777 == 0o600
        file.write(b"2")
    assert path.read_bytes() == b"2"
