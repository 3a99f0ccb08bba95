"""Metrics of the station. Labels are members, types, rules and reasons: closed lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from yizhan.schemas.payloads import TYPES

if TYPE_CHECKING:
    from yizhan.streams.station import Handled

EVENTS = Counter("yizhan_station_events_total", "Events admitted.", ["county", "type"])
DECISIONS = Counter("yizhan_station_decisions_total", "Decisions made, one a recipient.", ["rule", "way"])
REFUSALS = Counter("yizhan_station_refusals_total", "Records refused.", ["reason"])
CLOCK_SUSPECT = Counter(
    "yizhan_station_clock_suspect_total", "Fires and disasters admitted from a clock that ran ahead.", ["county"]
)
HANDLING = Histogram(
    "yizhan_station_handling_seconds",
    "From the broker's append time to the last acknowledgement of what followed.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60),
)
IN_FLIGHT = Gauge("yizhan_station_in_flight_events", "Events sent on and not yet acknowledged.")
LAG = Gauge("yizhan_station_consumer_lag_events", "Events in a topic that were not yet read.", ["topic"])
CHARTER_VERSION = Gauge("yizhan_station_charter_version", "Version number of the charter in force.")
CHARTER_BEHIND = Counter(
    "yizhan_station_charter_behind_total", "Events whose sender had a newer charter than the station.", ["county"]
)

FOLLOWUPS = Counter("yizhan_station_followups_total", "Steps of obligations told.", ["rule", "step"])
OBLIGATIONS = Gauge("yizhan_station_obligations", "Obligations that are open, and of these overdue.", ["rule", "state"])
TICKS_WITHOUT = Counter(
    "yizhan_station_ticks_without_total",
    "Times that time went on without a topic's events: it cannot be read.",
    ["topic"],
)
ENDS_UNKNOWN = Counter(
    "yizhan_station_ends_unknown_total", "Times that a topic did not say how far it goes before a tick.", ["topic"]
)
FOLLOWUP_FAULTS = Counter("yizhan_station_followup_faults_total", "Records whose obligations met a fault of ours.")


def count(handled: Handled) -> None:
    """Count one record and the decisions about it."""
    if handled.admitted is None:
        if handled.refused is not None:
            REFUSALS.labels(handled.refused.reason).inc()
        return
    header = handled.admitted.header
    EVENTS.labels(header.county, header.type if header.type in TYPES else "other").inc()
    if handled.admitted.clock_suspect:
        CLOCK_SUSPECT.labels(header.county).inc()
    if handled.stamped.postmark.charter_behind:
        CHARTER_BEHIND.labels(header.county).inc()
    for decision in handled.admitted.decisions.values():
        DECISIONS.labels(decision.rule, decision.way).inc()
