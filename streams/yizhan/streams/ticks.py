"""Time as records: the content of a tick, and which ticks must wait for events.

Rule 1: a tick acts when every event that was in the events topics before it has been processed. So no reminder
        is sent while its discharge is still unread, however long the station was down.
Rule 2: it never waits for ever. A topic that is behind and of which nothing was read for ``patience`` seconds (its
        partition has no leader) delays no tick until it is read again.
Rule 3: pure; ticks act in their order, and events never wait.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Annotated, Final, Generic, TypeVar

from pydantic import Field

from yizhan.schemas import strictjson
from yizhan.schemas.header import ContractModel
from yizhan.schemas.timestamps import Timestamp
from yizhan.streams import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)
T = TypeVar("T")
_NONE: Final[Mapping[str, int]] = {}


class Tick(ContractModel):
    """A record of ``yizhan.ticks``: the time is at least ``at``.

    ``ends`` is the next offset of each topic whose records come before ticks, queried after ``at`` was read: records
    before them came first.
    """

    at: Timestamp
    ends: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Serialise it."""
        return strictjson.dumps(self.model_dump())

    @classmethod
    def from_bytes(cls, data: bytes) -> Tick:
        """Parse it (``ValueError`` if it is malformed)."""
        return cls.model_validate(strictjson.loads(data))


def ends(data: bytes | None) -> Mapping[str, int]:
    """Return the offsets that a tick waits for; nothing if it is malformed."""
    try:
        return Tick.from_bytes(data or b"").ends
    except ValueError:
        return _NONE


class PendingTicks(Generic[T]):
    """Ticks that wait for events, each with its reader's item."""

    def __init__(self, handled: Mapping[str, int], patience: float) -> None:
        """Start with no ticks.

        Args:
            handled: events topic → next offset that was not handled yet; topics that are not in it are not waited for.
            patience: seconds (rule 2).
        """
        self._handled, self._patience = dict(handled), patience
        self._behind_since: dict[str, float] = {}
        self._held: deque[tuple[Mapping[str, int], T]] = deque()

    def handled(self, topic: str, offset: int, now: float) -> None:
        """Record that an event was handled; ``now`` in seconds of a monotonic clock."""
        self._handled[topic] = offset + 1
        if topic in self._behind_since:
            self._behind_since[topic] = now

    def hold(self, until: Mapping[str, int], tick: T) -> None:
        """Hold a tick until the events before it were handled."""
        self._held.append((until, tick))

    def ready(self, now: float) -> Iterator[T]:
        """Remove and yield the ticks that may act."""
        while self._held and not self._awaited(self._held[0][0], now):
            yield self._held.popleft()[1]

    def _awaited(self, until: Mapping[str, int], now: float) -> int:
        """Count the topics whose events are missing; all are checked, so that their patience starts together."""
        return sum(self._missing(topic, end, now) for topic, end in until.items() if topic in self._handled)

    def _missing(self, topic: str, end: int, now: float) -> bool:
        if self._handled[topic] >= end:
            self._behind_since.pop(topic, None)
            return False
        if now - self._behind_since.setdefault(topic, now) < self._patience:
            return True
        log.warning(
            "%s: nothing was read for %g s, at offset %d of %d; ticks no longer wait for it",
            topic, self._patience, self._handled[topic], end,
        )  # fmt: skip
        metrics.TICKS_WITHOUT.labels(topic).inc()
        self._handled[topic] = end
        del self._behind_since[topic]
        return False
