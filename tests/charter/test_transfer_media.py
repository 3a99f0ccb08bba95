"""A stick holds folders and files, and nothing that leads away from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from yizhan.charter import transfer_media
from yizhan.charter.contents import CharterDraft
from yizhan.charter.errors import CeremonyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def link(path: Path) -> None:
    """Put a link to a file of the machine there."""
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make", [link, os.mkfifo])
@pytest.mark.parametrize("name", ["root.json", "README.txt", "files/policy.json", "files/link"])
def test_links_and_pipes_are_refused(tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    """A link or a pipe on the stick is neither read nor written: it could lead to the office's own files."""
    (tmp_path / "files").mkdir()
    make(tmp_path / name)
    for work in (lambda: transfer_media.load(tmp_path), lambda: transfer_media.save(CharterDraft(), tmp_path, "words")):
        with pytest.raises(CeremonyError, match="not a file but a link"):
            work()
