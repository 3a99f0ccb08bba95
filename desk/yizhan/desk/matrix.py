"""Which role may open which page, as a table: ``docs/desk-roles.md`` is printed from it (``make roles``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from yizhan.desk.accounts.model import Role
from yizhan.desk.request import Page
from yizhan.desk.routes import PAGES
from yizhan.runtime.standard_streams import prepare_streams

_HEAD: Final = """# Who may open which page of the desk

Printed from the table of routes (`desk/yizhan/desk/routes.py`) by `make roles`; a test compares the two, and another asks for each page as each role. What is not in the table does not exist, and a page without a role opens for nobody (default deny).

The eight roles: duty, liaison, analyst and leader do the office's work; the auditor reads the trail; system, security and audit are the three administrators (GB/T 22239, level 3), one account each, none with another role. “Anybody” is whoever reaches the address: those pages say that something rings, and no content. “Locked” pages open on a locked screen too.
"""  # noqa: E501 -- a paragraph of Markdown is one line


def role_matrix(pages: Iterable[Page]) -> dict[tuple[str, str], Page]:
    """Return (path, method) → page, by path; no two pages have the same."""
    found: dict[tuple[str, str], Page] = {}
    for page in pages:
        for method in page.methods:
            if found.setdefault((page.path, method), page) is not page:
                message = f"two pages answer {method} {page.path}; give one of them another path"
                raise ValueError(message)
    return dict(sorted(found.items()))


def matrix_document() -> str:
    """Return the document."""
    roles = list(Role)
    lines = ["| page | | " + " | ".join(roles) + " | |", "| --- | --- |" + " :-: |" * len(roles) + " --- |"]
    for (path, method), page in role_matrix(PAGES).items():
        marks = ["✓" if page.public or role in page.roles else "" for role in roles]
        notes = "anybody" if page.public else "locked" if page.locked else ""
        lines.append(f"| `{path}` | {method} | " + " | ".join(marks) + f" | {notes} |")
    return _HEAD + "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    prepare_streams()
    print(matrix_document(), end="")  # noqa: T201 -- the document
