"""The metrics endpoint of a long-running process, for Prometheus.

Rule 1: it listens on the loopback unless a setting says otherwise; off unless a port is set.
Rule 2: one registry per process, passed as an argument, so that each test, or each of two services in
one process, has its own.
Rule 3: label values come from closed lists (members, types, rules, reasons), never from unsigned
bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.metrics_core import Metric

from yizhan.runtime.errors import SettingError
from yizhan.schemas.i18n import marked
from yizhan.schemas.sentences import os_error

if TYPE_CHECKING:
    from yizhan.runtime.watchdog import Watchdog

LATENCY_BUCKETS_SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
)  # fmt: skip
"""For every latency histogram: from a healthy local hop (3 ms) to a county that was cut off for an
hour.
"""

log = logging.getLogger(__name__)


class MetricsServer(AbstractContextManager["MetricsServer"]):
    """Serves a registry over HTTP from a daemon thread; :meth:`close` frees the port."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        """Listen on ``host:port`` (0: any free port, see :attr:`port`).

        Raises :class:`SettingError` if the port is taken or not allowed.
        """
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            sentence = marked("指标端口 {host}:{port} 不能用：{error}；请改 …_metrics_port，或不设")
            raise SettingError(sentence, host=host, port=port, error=os_error(error)) from error
        self.port = int(self._server.server_port)
        log.info("metrics on http://%s:%d/metrics", host, self.port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def serve(registry: CollectorRegistry, host: str, port: int | None) -> MetricsServer | None:
    """Start the endpoint unless ``port`` is None. Raises as :class:`MetricsServer` does."""
    return None if port is None else MetricsServer(registry, host, port)


def new_registry() -> CollectorRegistry:
    """Create a registry with the process's own figures (CPU, memory, open files)."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class _Kept:
    """A view of a registry that has, of names with a prefix, only metrics that can be added over processes."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._registry, self._prefix = registry, prefix

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families of the view."""
        for family in self._registry.collect():
            if family.type == "counter" or not family.name.startswith(self._prefix):
                yield family


def without_gauges(registry: CollectorRegistry, prefix: str) -> CollectorRegistry:
    """Return a view of a registry without the gauges and histograms whose name begins with ``prefix``.

    Another process exports them: here they would be 0, next to the true ones.
    """
    served = CollectorRegistry()
    served.register(_Kept(registry, prefix))
    return served


def watch_gauge(watchdog: Watchdog, registry: CollectorRegistry) -> None:
    """Export the time since the work's last progress, and its limit."""
    silence = Gauge("yizhan_watchdog_silence_seconds", "Seconds since the work last moved.", registry=registry)
    silence.set_function(watchdog.silence_seconds)
    limit = Gauge(
        "yizhan_watchdog_timeout_seconds",
        "The process ends after so many seconds.",
        registry=registry,
    )
    limit.set(watchdog.timeout_seconds)
