"""Writes a county's book for the auditor to a file, or to standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from yizhan.cli.context import acting, current_home
from yizhan.ledger.audit.books import Kind
from yizhan.runtime.folders import private_file
from yizhan.services.books import export_book


def write_book(county: str, kind: Kind, file: str) -> None:
    """Write the book to a file (mode 0600) or, for ``-``, to standard output."""
    lines = export_book(current_home(), county, kind, acting(f"{kind} export"), Path(file).name)
    if file == "-":
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    with private_file(Path(file)) as made:
        made.writelines(lines)
