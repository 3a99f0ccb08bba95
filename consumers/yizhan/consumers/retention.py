"""How long an inbox keeps content: one class a type (``schemas.payloads.table``).

The terms are those of 《机关文件材料归档范围和文书档案保管期限规定》（国家档案局令第8号, 2006-12-18）: permanent,
30 years, 10 years. Which type falls under which term is a sample that each county's archive decides. That
content goes when its term is over follows 《中华人民共和国个人信息保护法》 art. 19 (no longer than needed)
and art. 47 (erased when the term is over).

Rule 1: years are counted from the end of the calendar year in which the station received the event.
Rule 2: a type without a row is kept for ever: an older program destroys nothing that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from yizhan.schemas.payloads.table import TYPES, Retention

YEARS: Final[Mapping[Retention, int]] = {Retention.YEARS_30: 30, Retention.YEARS_10: 10}
"""``permanent`` has none."""


def class_of(event_type: str) -> Retention:
    """Return the class of a type.

    >>> class_of("yizhan.incident.hotspot.v1").value, class_of("yizhan.incident.hotspot.v2").value
    ('10-years', 'permanent')
    """
    return TYPES[event_type].retention if event_type in TYPES else Retention.PERMANENT


def kept_until(event_type: str, received: datetime, time_zone: str) -> datetime | None:
    """Return the instant from which content may be destroyed; None for never.

    >>> kept_until("yizhan.receipt.v1", datetime.fromisoformat("2026-07-25T00:00:00Z"), "Asia/Shanghai").isoformat()
    '2037-01-01T00:00:00+08:00'
    """
    years = YEARS.get(class_of(event_type))
    if years is None:
        return None
    zone = ZoneInfo(time_zone)
    return datetime(received.astimezone(zone).year + years + 1, 1, 1, tzinfo=zone)
