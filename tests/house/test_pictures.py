"""The pictures of the documents are small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.tree import ROOT

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.png"))


def test_there_are_pictures() -> None:
    """``make pictures`` has been run."""
    assert len(PICTURES) >= 6


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_and_shown(path: Path) -> None:
    """Each has less than 200 KiB, and a page of docs shows it."""
    assert path.stat().st_size < 200 * 1024
    shown = "".join(page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert f"(pictures/{path.name})" in shown
