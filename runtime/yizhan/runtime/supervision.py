"""Tells systemd how a process stands: ready, at work, stopping (sd_notify(3), ``Type=notify``).

Rule 1: without ``NOTIFY_SOCKET`` in the environment nothing happens: only systemd sets it.
Rule 2: it never blocks and never fails: what systemd does not take is left out.
Rule 3: ready is said when the work begins, or when it would begin and only Kafka is missing: a process that waits for
        Kafka is well, and is not to be started again and again.

There is no library: ``sdnotify`` is not kept any more, ``systemd-python`` and ``cysystemd`` need libsystemd.
"""

from __future__ import annotations

import contextlib
import os
import socket

from yizhan.schemas.i18n import _

MARGIN_SECONDS = 30.0
"""How much later than our own watchdog, which writes every thread's stack first, systemd ends the process."""


def tell(*assignments: str) -> None:
    """Send assignments such as ``READY=1``, in one datagram."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        sender.sendto("\n".join(assignments).encode(), "\0" + where[1:] if where[0] == "@" else where)


def tell_ready(status: str) -> None:
    """Say that the process works; ``status`` is what ``systemctl status`` shows. Again changes the status only."""
    tell("READY=1", f"STATUS={status}")


def tell_connected() -> None:
    """Say that the process works, and has Kafka."""
    tell_ready(_("已接通 Kafka，在工作"))


def tell_waiting() -> None:
    """Say that the process works as far as it can without Kafka."""
    tell_ready(_("连不上 Kafka，接通后自动继续；已收下的不会丢"))


def tell_stopping() -> None:
    """Say that the process ends in order."""
    tell("STOPPING=1", f"STATUS={_('正在停下')}")


def tell_timeout(seconds: float) -> None:
    """Say how long systemd waits for the next :func:`tell_alive`, whatever its unit says."""
    tell(f"WATCHDOG_USEC={round((seconds + MARGIN_SECONDS) * 1_000_000)}")


def tell_alive() -> None:
    """Say that the work advances."""
    tell("WATCHDOG=1")
