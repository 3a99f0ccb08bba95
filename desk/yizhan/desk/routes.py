"""Every route of the desk, and the roles that may open it: one table for the server, the tests and the documents."""

from __future__ import annotations

from typing import Final

from yizhan.desk.accounts.model import Role
from yizhan.desk.pages import answers, calendar, console, due, duty, engine, stream
from yizhan.desk.request import Page

PAGES: Final[tuple[Page, ...]] = (
    *stream.PAGES,
    *duty.PAGES,
    *answers.PAGES,
    *console.PAGES,
    *due.PAGES,
    *calendar.PAGES,
    *engine.PAGES,
)


def allowed() -> dict[str, frozenset[Role]]:
    """Return the roles that may open each path (GET)."""
    return {page.path: page.roles for page in PAGES if "GET" in page.methods}
