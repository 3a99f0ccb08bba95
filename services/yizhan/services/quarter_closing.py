"""Closing quarters at the station.

Rule 1: only the command that closes imports this module: it needs a Kafka client.
Rule 2: a close that died is done again by the next one, with the same bytes (``yizhan.streams.closing_kafka``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.schemas.i18n import marked
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import instant, written
from yizhan.schemas.topics import STATION
from yizhan.services.errors import QuarterNotEnded, ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, station_keys
from yizhan.services.progress import Progress
from yizhan.streams.closing import CloseRequest, due
from yizhan.streams.closing_kafka import Closer, CloseResult


@dataclass(frozen=True, slots=True)
class CloseOrder:
    """What is to be closed.

    ``counties`` are members' codes, none for all; ``label`` is the next open quarter, named to be safe, None for each
    county's own that has ended and is not closed (with ``only_due``), else the present one. ``early`` closes a quarter
    that has not ended, ``interim`` writes a digest and closes nothing.
    """

    counties: Sequence[str] = ()
    label: str | None = None
    early: bool = False
    interim: bool = False
    only_due: bool = False
    wait_seconds: float = 60


@dataclass(frozen=True, slots=True)
class ClosedQuarters:
    """What was closed, and the counties that have no quarter to be closed."""

    closed: tuple[CloseResult, ...]
    not_due: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClosingProgress:
    """How a face shows what takes long: the wait for the station, and the close of (county, label)."""

    waiting: Callable[[], AbstractContextManager[Progress]]
    closing: Callable[[str, str], AbstractContextManager[Progress]]


def close_quarters(
    home: Home, order: CloseOrder, passphrases: PassphraseSource, progress: ClosingProgress
) -> ClosedQuarters:
    """Close quarters, once the station has handled everything that it had received.

    Raises:
        UnknownMember: of the counties.
        QuarterNotEnded: one has not ended, and the order is neither ``early`` nor ``interim``.
        ServiceError: one has not begun, or is not the next open one of its county; nothing was closed.
        StationBehind: the station has not handled everything in time.
        StationError: no broker answers.
    """
    members = [home.member(code) for code in order.counties] or sorted(home.charters.latest().members)
    if order.label is not None:
        _check_ended(home, {order.label}, utc_now(), order)
    folder = home.path / STATION
    keys = station_keys(folder / "keys", (home.charters.latest(), home.charter), passphrases)
    closed: list[CloseResult] = []
    with Closer(home.settings.connection(topics.STATION), folder, home.charters, keys) as closer:
        now = utc_now()
        labels = _labels(home, closer, members, now, order)
        if labels:
            _check_ended(home, set(labels.values()), now, order)
            with progress.waiting():
                closer.wait_for_station(now, order.wait_seconds)
        for code, label in labels.items():
            with progress.closing(code, label) as bar:
                request = CloseRequest(label=label, closed=written(now))
                closed += closer.run(code, request, interim=order.interim, progress=bar.advance)
    return ClosedQuarters(tuple(closed), tuple(code for code in members if code not in labels))


def _labels(home: Home, closer: Closer, members: Sequence[str], now: datetime, order: CloseOrder) -> dict[str, str]:
    """Return which quarter is to be closed for whom: the next open one of each, whether it was named or not."""
    if order.label is not None:
        return {code: order.label for code in members if _is_open(home, closer, code, now, order.label)}
    ended = {code: _due(home, closer, code, now) for code in members}
    labels = {code: label for code, label in ended.items() if label is not None}
    if labels or order.only_due:
        return labels
    return dict.fromkeys(members, str(Quarter.containing(now, home.charter.time_zone)))


def _is_open(home: Home, closer: Closer, code: str, now: datetime, label: str) -> bool:
    """Tell whether a quarter is a member's next open one; what was closed last need not be closed again.

    Raises:
        ServiceError: it is another one.
    """
    next_open = _due(home, closer, code, now) or str(Quarter.containing(now, home.charter.time_zone))
    if label == next_open:
        return True
    last = closer.last(code)
    if last is not None and label == last.label:
        return False
    sentence = marked("{county} 现在该结算的季度是 {next}，不是 {label}；没有结算")
    raise ServiceError(sentence, county=home.member_name(code), next=next_open, label=label)


def _due(home: Home, closer: Closer, code: str, now: datetime) -> str | None:
    """Return the quarter that has ended and is not closed for a member, or None."""
    charter = home.charters.in_force(now)
    last = closer.last(code)
    first = home.charters.in_force(datetime.min.replace(tzinfo=now.tzinfo)).holds_from
    quarter = due(now, charter.time_zone, None if last is None else instant(last.closed), first)
    return None if quarter is None else str(quarter)


def _check_ended(home: Home, labels: set[str], now: datetime, order: CloseOrder) -> None:
    """Refuse a quarter that has not begun, and one that has not ended unless that was ordered."""
    zone = home.charter.time_zone
    for label in sorted(labels):
        quarter = Quarter.parse(label)
        if now < quarter.start(zone):
            sentence = marked("{label} 还没有开始（{start} 才开始），不能结算")
            raise ServiceError(sentence, label=label, start=home.local_time(quarter.start(zone)))
        if not (order.early or order.interim) and now < quarter.end(zone):
            sentence = marked("{label} 要到 {end} 才结束")
            raise QuarterNotEnded(sentence, label=label, end=home.local_time(quarter.end(zone)))
