"""Filters of the auditor's templates: hashes in groups, findings, discrepancies, kinds of books, errors in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from yizhan.ledger.audit.labels import finding_name
from yizhan.schemas.header import split_id
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
        "officer": officer,
        "is_event": is_event,
    }


def officer(who: str) -> str:
    """Name whoever an entry of the access log names, once.

    >>> officer("周某（331902）, 周某 (331902)"), officer("duty (1000)")
    ('周某（331902）', 'duty (1000)')
    """
    return re.sub(r"^(.+)（(.+)）, \1 \(\2\)$", r"\1（\2）", who)


def is_event(name: str) -> bool:
    """Tell whether a name of the access log is an event's id or an obligation's name, and no document's."""
    try:
        split_id(name)
    except ValueError:
        return "/" in name
    return True


def grouped(text: str) -> str:
    """Write a hash in groups of eight digits, as people compare it.

    >>> grouped("93191a9d31b7b2f2")
    '93191a9d 31b7b2f2'
    """
    return " ".join(re.findall(".{1,8}", text))
