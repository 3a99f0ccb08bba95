"""Filters of the auditor's templates: hashes in groups, findings, discrepancies, kinds of books, errors in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from yizhan.ledger.audit.labels import finding_name
from yizhan.schemas.i18n import _
from yizhan.services.audit_text import discrepancy_sentence, finding_note
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence


def audit_filters(home: Callable[[], Home]) -> Mapping[str, Callable[..., Any]]:
    """Return the filters; ``home`` returns the home as it is now."""
    return {
        "hash": grouped,
        "finding": finding_name,
        "finding_note": lambda each: finding_note(home(), each),
        "discrepancy": lambda each: discrepancy_sentence(home(), each),
        "book_kind": lambda kind: _("发件簿") if kind == "outbox" else _("收件簿"),
        "sentence": error_sentence,
    }


def grouped(text: str) -> str:
    """Write a hash in groups of eight digits, as people compare it.

    >>> grouped("93191a9d31b7b2f2")
    '93191a9d 31b7b2f2'
    """
    return " ".join(re.findall(".{1,8}", text))
