"""The table of routes and the document that is printed from it are one."""

from __future__ import annotations

import re

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


BY_ITSELF = re.compile(r'hx-get="(/[^"?{]*)[^>]*?hx-trigger="[^"]*\b(?:every|load|desk-changed)\b')
FETCHED = re.compile(r"fetch\('(/[\w/]+)'")


def test_what_a_page_asks_for_by_itself_extends_no_session() -> None:
    """A part that is asked for by a timer or by an event, and what a script sends, is ``unattended`` in the table."""
    folder = ROOT / "desk" / "yizhan" / "desk"
    asked = {
        path
        for pattern, files in ((BY_ITSELF, "templates/*.html"), (FETCHED, "static/*.js"))
        for file in folder.glob(files)
        for path in pattern.findall(file.read_text("utf-8"))
    }
    assert {"/duty/notices", "/duty/side"} <= asked
    assert asked & {page.path for page in PAGES if not page.unattended} == set()
