"""Every route of the desk, and the roles that may open it: one table for the server, the tests and the documents."""

from __future__ import annotations

from typing import Final

from yizhan.desk.accounts.model import Role
from yizhan.desk.pages import (
    admin,
    answers,
    audit,
    audit_books,
    bulletins,
    calendar,
    console,
    drafts,
    due,
    duty,
    engine,
    inbox,
    item,
    item_sending,
    matters,
    outbox,
    outlines,
    search,
    self_test,
    sending,
    shift,
    sign_in,
    stream,
    tables,
    uploads,
    wall,
)
from yizhan.desk.request import Page

PAGES: Final[tuple[Page, ...]] = (
    *stream.PAGES,
    *duty.PAGES,
    *answers.PAGES,
    *inbox.PAGES,
    *item.PAGES,
    *item_sending.PAGES,
    *sign_in.PAGES,
    *self_test.PAGES,
    *admin.PAGES,
    *bulletins.PAGES,
    *audit_books.PAGES,
    *audit.PAGES,
    *drafts.PAGES,
    *sending.PAGES,
    *uploads.PAGES,
    *tables.PAGES,
    *outlines.PAGES,
    *wall.PAGES,
    *search.PAGES,
    *outbox.PAGES,
    *matters.PAGES,
    *console.PAGES,
    *due.PAGES,
    *calendar.PAGES,
    *engine.PAGES,
    *shift.PAGES,
)


def allowed() -> dict[str, frozenset[Role]]:
    """Return the roles that may open each path (GET)."""
    return {page.path: page.roles for page in PAGES if "GET" in page.methods}
