"""Metrics of the ledger and of a county's cosigner. Label values come from closed lists."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from yizhan.runtime.metrics import LATENCY_BUCKETS_SECONDS

SIZE: Final = Gauge("yizhan_ledger_size", "Leaves of the log.")
FINAL_SIZE: Final = Gauge("yizhan_ledger_final_size", "Leaves of the newest checkpoint with its quorum.")
STATEMENTS: Final = Counter("yizhan_ledger_statements_total", "Statements read.", ["became"])
"""``became``: new, known, aside."""
CONTRADICTIONS: Final = Counter(
    "yizhan_ledger_contradictions_total", "Second statements about an origin, second hashes for an event.", ["kind"]
)
RECEIPT: Final = Histogram(
    "yizhan_ledger_receipt_seconds",
    "From a statement's append time to the checkpoint that covers it.",
    buckets=LATENCY_BUCKETS_SECONDS,
)
BEHIND: Final = Gauge("yizhan_ledger_lag", "Records of yizhan.audit that are not in the log yet.")
COSIGNED: Final = Gauge("yizhan_cosigner_size", "Leaves of the newest checkpoint that this county cosigned.")
MISSING: Final = Gauge("yizhan_cosigner_missing", "Statements that this county holds and the log lacks too long.")
EVIDENCE: Final = Gauge("yizhan_cosigner_evidence", "Pieces of evidence against the log that nobody has settled.")
REFUSALS: Final = Counter("yizhan_cosigner_refusals_total", "Checkpoints that this county refused.", ["reason"])
RECONNECTS: Final = Counter("yizhan_ledger_reconnects_total", "Times the broker had to be tried again.")
