"""Metrics of a desk. Labels are paths of the table of routes, classes of status, and words: closed lists."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds. Officers are promised a page within 0.15 and an alarm within 0.1."""

REQUESTS: Final = Counter(
    "yizhan_desk_requests_total", "Requests answered, by the page of the table of routes.", ["page", "status"]
)
SECONDS: Final = Histogram(
    "yizhan_desk_request_seconds", "From a request to its answer, for what is no stream.", buckets=_BUCKETS
)
STREAMS: Final = Gauge("yizhan_desk_open_streams", "Streams of events that browsers hold open.")
ALARMS: Final = Counter("yizhan_desk_alarms_shown_total", "Alarms handed to streams: one alarm on two consoles is two.")
ALARM_SECONDS: Final = Histogram(
    "yizhan_desk_alarm_seconds",
    "From when an alarm was stored in the inbox to when its card was handed to an open stream.",
    buckets=_BUCKETS,
)
SIGN_INS_REFUSED: Final = Counter(
    "yizhan_desk_sign_ins_refused_total", "Sign-ins that were refused: wrong, locked, busy, certificate.", ["why"]
)
CONSOLES: Final = Gauge("yizhan_desk_audible_consoles", "Open pages that said within a minute that they can be heard.")


def status_class(status: int) -> str:
    """Return the class of a status.

    >>> status_class(304)
    '3xx'
    """
    return f"{status // 100}xx"
