"""Metrics of an inbox. Labels are ways, types, reasons and words: closed lists."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

BUCKETS: Final = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
)  # fmt: skip
"""Seconds, from a healthy local hop to a minute."""

ITEMS = Counter("yizhan_inbox_items_total", "Events stored, one row each.", ["way", "type"])
FROM_RECEIVED = Histogram(
    "yizhan_inbox_delivery_seconds",
    "From the station's append time (ms) to the row committed here, for what comes at once.",
    buckets=BUCKETS,
)
FROM_LEARNT = Histogram(
    "yizhan_inbox_since_learnt_seconds",
    "From when its sender learnt of it to the row committed here, for what comes at once.",
    buckets=(*BUCKETS, 300, 900, 3600, 86400),
)
DUPLICATES = Counter("yizhan_inbox_duplicates_total", "Records of events that were here already.", ["kind"])
CONFLICTS = Counter("yizhan_inbox_conflicts_total", "Other events under an id that was here: evidence.")
ASIDE = Counter("yizhan_inbox_aside_total", "Records put aside.", ["reason"])
FAULTS = Counter("yizhan_inbox_faults_total", "Records that met a fault of this program; kept aside.")
WARNINGS = Counter("yizhan_inbox_warnings_total", "Warnings on items.", ["word"])
FOLLOWUPS = Counter("yizhan_inbox_followups_total", "Steps of obligations stored, one row each.", ["rule"])
DUE = Gauge("yizhan_inbox_obligations_due", "Obligations that are open and not yet overdue.", ["rule", "side"])
OVERDUE = Gauge("yizhan_inbox_obligations_overdue", "Obligations that are open and overdue.", ["rule", "side"])
DIGESTS = Counter("yizhan_inbox_digests_total", "Manifests checked.", ["verdict"])
RECEIPTS = Counter("yizhan_inbox_receipts_total", "Receipts handed to the outbox.", ["stage"])
RECEIPTS_FAILED = Counter("yizhan_inbox_receipts_failed_total", "Receipts that the outbox did not take; tried again.")
CONFIRMED = Counter("yizhan_inbox_confirmations_total", "Receipts of others about our events.", ["stage"])
RINGING = Gauge("yizhan_inbox_ringing_alarms", "Alarms that no person has acknowledged.")
GAPS = Gauge("yizhan_inbox_lane_gaps", "Gaps in lanes: later numbers came, or a head was announced.", ["lane"])
LAG = Gauge("yizhan_inbox_consumer_lag_events", "Records in a topic that were not yet read.", ["topic"])
UNREADABLE = Counter("yizhan_inbox_unreadable_total", "Records skipped: the client cannot decode them.", ["topic"])
RECONNECTS = Counter("yizhan_inbox_reconnects_total", "Connections made anew.", ["because"])
CHUNKS: Final = Counter(
    "yizhan_inbox_chunks_total", "Chunks of attached files: kept, passed over (not ours), refused.", ["what"]
)
BELL_RINGS: Final = Counter(
    "yizhan_bell_rings_total", "Rings: delivered, carried by no channel, dropped as not wanted any more.",
    ["urgency", "outcome"],
)  # fmt: skip
BELL_TRIES: Final = Counter("yizhan_bell_tries_total", "Messages sent on a channel.", ["channel", "outcome"])
BELL_DEAD: Final = Gauge("yizhan_bell_channel_dead", "1: the channel's last message did not go.", ["channel"])
BELL_UNHEARD: Final = Gauge("yizhan_bell_unheard_alarms", "Rings of alarms that no channel has carried yet.")
BELL_MISSED: Final = Gauge(
    "yizhan_bell_missed_alarms",
    "Alarms that wait, are too old to ring one by one, and rang nowhere by themselves; one ring tells of all.",
)
BELL_SECONDS: Final = Histogram(
    "yizhan_bell_alarm_seconds", "From when a ring was planned to its delivery, for alarms.", buckets=BUCKETS
)
