"""The table of routes and the document that is printed from it are one."""

from __future__ import annotations

import pytest

from tests.house.tree import ROOT
from yizhan.desk.matrix import matrix_document, role_matrix
from yizhan.desk.request import Page
from yizhan.desk.routes import PAGES


def test_the_document_is_printed_from_the_table() -> None:
    """docs/desk-roles.md says what the routes say; where it does not, run ``make roles``."""
    assert (ROOT / "docs" / "desk-roles.md").read_text("utf-8") == matrix_document()


def test_two_pages_never_answer_the_same() -> None:
    """A page that another one hides could open for the wrong roles."""
    with pytest.raises(ValueError, match="two pages answer GET /sign-in"):
        role_matrix([*PAGES, Page("/sign-in", PAGES[0].endpoint, public=True)])
