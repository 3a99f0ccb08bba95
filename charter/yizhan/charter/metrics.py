"""Metrics of a reader of the charter; labels are roles and the codes of ``CharterFault``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

STALE = Gauge("yizhan_charter_stale", "1 while the charter cannot be refreshed.")
VERSION = Gauge("yizhan_charter_version", "Number of the newest version that this process has verified.")
PROBLEMS = Counter("yizhan_charter_problems_total", "Offered charters that were not adopted.", ["problem"])
EXPIRES = Gauge("yizhan_charter_expires_timestamp_seconds", "When a role must have been signed anew.", ["role"])
