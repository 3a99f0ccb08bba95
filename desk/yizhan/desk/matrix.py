"""Which role may open which page, as a table: ``docs/desk-roles.md`` is printed from it (``make roles``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from yizhan.desk.accounts.model import Role
from yizhan.desk.request import Page
from yizhan.desk.routes import PAGES
from yizhan.runtime.standard_streams import prepare_streams

_HEAD: Final = """# Accounts and roles of the desk

## Accounts

`desk.sqlite3` in the county's folder has the accounts, the sessions and a book of events that is only added to. Login is the badge number, with a password (Argon2id: 64 MiB, 3 passes, 4 lanes; at least 12 characters, nothing demanded of their kinds) and the six digits of an authenticator (TOTP), each good once, or one of ten one-time codes. Five failures lock a badge number for 15 minutes, whether anybody has it or not; the answer says nothing of what was wrong.

- **First start**: `yizhan desk run` prints a link, good for 24 hours, once. The security administrator opens it, and adds the others on `/admin`. Each gets such a link, handed over in person, and sets password and authenticator with it: the administrator learns neither.
- **On the machine**: `yizhan desk account add|list|reset`. The security administrator's own account can be reset there only.
- **Three administrators** (GB/T 22239, level 3): system, security and audit, one account each, none with another role. Whoever is named to follow takes over when the link is used: the account before is disabled at that moment. Nobody manages his own account.
- **Certificates**: `desk_certificate_header = "X-Client-Issuer, X-Client-Serial"` in `yizhan.toml` names the headers in which the county's gateway hands over issuer and serial number of a certificate that it has checked; the security administrator enters them beside an account. They are believed over a Unix socket (`--socket`) only. The gateway must set both headers on every request, also to nothing, or visitors write them.

## Sessions

The cookie is HttpOnly, SameSite=Strict, without a domain, and with TLS Secure and `__Host-`; the database has its hash. After 15 minutes in which no person opened a page or sent a form the session is locked, not ended: alarms ring on, as kind and county, and the password alone opens it again; what a page asks for by itself extends nothing. After 12 hours it ends. A changed password ends all other sessions; changed roles, a reset or a disabled account end all.

A screen on the wall has a link of its own, made on `/admin`, which can be revoked: it opens `/duty/wall` (kind, county, age) and nothing else.

## Who may open which page

Printed from the table of routes (`desk/yizhan/desk/routes.py`) by `make roles`; a test compares the two, and another asks for each page as each role. What is not in the table does not exist, and a page without a role opens for nobody. Duty, liaison, analyst and leader do the office's work; the auditor reads the trail. “Anybody” is whoever reaches the address: those pages say that something rings, and no content. “Locked” pages open on a locked screen too.
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
