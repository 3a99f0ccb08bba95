"""Metrics of a county's outbox. Labels are members, types and reasons: closed lists."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from yizhan.runtime.metrics import LATENCY_BUCKETS_SECONDS
from yizhan.schemas.payloads import TYPES

EVENTS: Final = Counter("yizhan_outbox_events_total", "Events sent for the first time.", ["county", "type"])
RESENDS: Final = Counter("yizhan_outbox_resends_total", "Times that the same bytes went again.", ["county"])
REFUSALS: Final = Counter("yizhan_outbox_refusals_total", "Events that the station refused.", ["reason"])
SENDING: Final = Histogram(
    "yizhan_outbox_sending_seconds",
    "From handing an event to the Kafka client to the broker's acknowledgement.",
    buckets=LATENCY_BUCKETS_SECONDS,
)
DEPTH: Final = Gauge("yizhan_outbox_depth_events", "Events to be sent now.")
OLDEST: Final = Gauge("yizhan_outbox_oldest_seconds", "Age of the oldest event that was never sent.")
AWAITED: Final = Gauge("yizhan_outbox_postings_awaited_events", "Events sent, not yet answered by the station.")
OVERDUE: Final = Gauge(
    "yizhan_outbox_receipts_overdue_events", "Events sent at once whose recipients are overdue with a receipt."
)
POSTINGS_LAG: Final = Gauge("yizhan_outbox_postings_lag_records", "Postings not yet read.")
CONNECTED: Final = Gauge("yizhan_outbox_connected", "1 while the broker answers.")
TROUBLE: Final = Counter("yizhan_outbox_send_failures_total", "Sends that the broker or the line failed.", ["error"])
NEW_BOOKS: Final = Counter(
    "yizhan_outbox_new_books_total", "Books opened because the database is not what it was. Alarm.", ["because"]
)
DISK_LOST: Final = Counter("yizhan_outbox_broker_disk_lost_total", "Times that the broker had lost its data. Alarm.")
FOREIGN: Final = Counter(
    "yizhan_outbox_foreign_postings_total", "Postings that match no event of this outbox. Alarm.", ["why"]
)
UNBOUND: Final = Counter("yizhan_outbox_unbound_receipts_total", "Receipts that confirm nothing of ours.", ["why"])
CHUNKS: Final = Counter("yizhan_outbox_chunks_total", "Chunks of attached files that the broker acknowledged.")
REISSUED: Final = Counter("yizhan_outbox_reissued_total", "Events sealed anew because their number was given twice.")


def type_label(type: str) -> str:
    """Return a type of the agreement, or ``other``."""
    return type if type in TYPES else "other"


def count_sent(county: str, type: str, *, again: bool) -> None:
    """Count one event that the broker acknowledged."""
    if again:
        RESENDS.labels(county).inc()
    else:
        EVENTS.labels(county, type_label(type)).inc()
