"""Writes a county's book for the auditor to a file, or to standard output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from yizhan.cli.context import acting, current_home
from yizhan.ledger.audit.books import Kind
from yizhan.services.books import export_book


def write_book(county: str, kind: Kind, file: str) -> None:
    """Write the book to a file (mode 0600) or, for ``-``, to standard output."""
    lines = export_book(current_home(), county, kind, acting(f"{kind} export"), Path(file).name)
    if file == "-":
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as made:  # noqa: PTH123 -- a descriptor
        made.writelines(lines)
