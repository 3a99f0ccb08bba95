"""What every long-running command does around its work: signals, watchdog, metrics.

Rule 1: SIGTERM ends the work in order, with exit status 0; Ctrl-C too, with 130 and a sentence.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click
from prometheus_client import REGISTRY

from yizhan.cli.context import log_to_stderr
from yizhan.runtime.heartbeat import Heartbeat
from yizhan.runtime.metrics import serve, watch_gauge, without_gauges
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.runtime.supervision import tell_stopping
from yizhan.runtime.watchdog import Watchdog


@contextlib.contextmanager
def stopping() -> Iterator[StopSignal]:
    """Yield a signal that SIGINT and SIGTERM set; the block must end when it is set."""
    stop = StopSignal().install()
    ours = signal.getsignal(signal.SIGINT)
    interrupted = []

    def caught(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        if callable(ours):
            ours(number, frame)

    signal.signal(signal.SIGINT, caught)
    yield stop
    if interrupted:
        raise click.Abort


@contextlib.contextmanager
def working(
    settings: Settings, metrics_port: int | None, elsewhere: str | None = None, lock: Path | None = None
) -> Iterator[tuple[StopSignal, Watchdog]]:
    """Serve metrics, log to stderr and watch the work while the block runs.

    ``elsewhere`` is the prefix of gauges that another process serves; ``lock`` is held by this process, and the
    beats of the work are noted beside it, unless the work does so itself.
    """
    with stopping() as stop:
        registry = REGISTRY if elsewhere is None else without_gauges(REGISTRY, elsewhere)
        server = serve(registry, settings.metrics_host, metrics_port)
        heart = None if lock is None else Heartbeat(lock)
        watchdog = Watchdog(settings.watchdog_seconds, heart=heart).start()
        watch_gauge(watchdog, REGISTRY)
        log_to_stderr()
        try:
            yield stop, watchdog
        finally:
            tell_stopping()
            watchdog.stop()
            if server is not None:
                server.close()
