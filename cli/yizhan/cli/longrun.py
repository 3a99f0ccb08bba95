"""What every long-running command does around its work: signals, watchdog, metrics.

Rule 1: SIGTERM is an orderly end with exit status 0; Ctrl-C the same, with 130 and a word.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from types import FrameType

    from yizhan.runtime.process import StopSignal
    from yizhan.runtime.settings import Settings
    from yizhan.runtime.watchdog import Watchdog


@contextlib.contextmanager
def stopping() -> Iterator[StopSignal]:
    """Give a signal that SIGINT and SIGTERM set; the block ends when it is set."""
    from yizhan.runtime.process import StopSignal

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
    settings: Settings, metrics_port: int | None, elsewhere: str | None = None
) -> Iterator[tuple[StopSignal, Watchdog]]:
    """Serve metrics and watch the work while the block runs.

    ``elsewhere`` is how the names of gauges begin that another process tells.
    """
    from prometheus_client import REGISTRY

    from yizhan.runtime.metrics import serve, watch_gauge, without_gauges
    from yizhan.runtime.watchdog import Watchdog

    with stopping() as stop:
        registry = REGISTRY if elsewhere is None else without_gauges(REGISTRY, elsewhere)
        server = serve(registry, settings.metrics_host, metrics_port)
        watchdog = Watchdog(settings.watchdog_seconds).start()
        watch_gauge(watchdog, REGISTRY)
        try:
            yield stop, watchdog
        finally:
            watchdog.stop()
            if server is not None:
                server.close()
