"""Logs a broker's outage: soon after it begins, then once a minute, and when it ends. systemd hears of it too.

Rule 1: kafka-python does not tell a client that only reads about a lost broker; so this class asks for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from yizhan.runtime.supervision import tell_connected, tell_waiting
from yizhan.schemas.i18n import _

GRACE_SECONDS: Final = 3.0
"""A line that stumbles for less is no news."""
AGAIN_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class OutageLog:
    """Logs the outages of one connection; ``who`` works over it, ``where`` is the broker."""

    def __init__(self, who: str, where: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start as if the broker answered; ``monotonic`` is a clock in seconds."""
        self._who, self._where, self._monotonic = who, where, monotonic
        self._since: float | None = None
        self._told: float | None = None
        self._answered = False

    @property
    def known(self) -> bool:
        """Whether an outage was logged and has not ended."""
        return self._told is not None

    def observe(self, *, answers: bool, why: str = "") -> bool:
        """Record whether the broker answers now; return whether a sentence was logged about it."""
        now = self._monotonic()
        if answers:
            self._since, logged = None, self._told
            self._told = None
            if not self._answered:
                self._answered = True
                tell_connected()
            if logged is not None:
                log.warning(_("{who}：Kafka（{where}）又接通了").format(who=self._who, where=self._where))
            return logged is not None
        self._since = now if self._since is None else self._since
        if now - self._since < GRACE_SECONDS or (self._told is not None and now - self._told < AGAIN_SECONDS):
            return False
        self._told, self._answered = now, False
        tell_waiting()
        sentence = _("{who}：连不上 Kafka（{where}），收发暂停；已收下的不会丢，接通后自动继续")
        log.warning("%s%s", sentence.format(who=self._who, where=self._where), f" ({why})" if why else "")
        return True
