"""How long is too long: what the audit measures by.

The agreement of 2023-07-25 sets no figure but the quarter and the month (联管: 随时通报, 每月定期联系一次; 联享:
每季度定期通报, 反馈). Every figure here is a sample that the counties change when they sign; seven days for
assistance is 公安机关办理刑事案件程序规定, art. 353.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """One limit an obligation."""

    tell: timedelta = timedelta(minutes=15)
    """Sender, of what rings: learnt → received by the station."""
    acknowledge: timedelta = timedelta(minutes=5)
    """Recipient, of an alarm: received → a person acknowledges."""
    follow_up: timedelta = timedelta(hours=2)
    """Sender, of a fire or disaster without a final report: from report to report."""
    verify_hotspot: timedelta = timedelta(hours=2)
    """Sender, of a hotspot that rang: a word on what was found."""
    feedback: timedelta = timedelta(days=30)
    """Recipient of intelligence: an answer."""
    feedback_flash: timedelta = timedelta(hours=24)
    """The same, where it was sent as flash."""
    assistance: timedelta = timedelta(days=7)
    """Recipient of a request for assistance: an answer."""


SAMPLE = Limits()
