"""The metrics endpoint answers on the loopback and frees its port."""

from __future__ import annotations

import urllib.request

import pytest
from prometheus_client import Counter, Gauge, Histogram, generate_latest

from yizhan.runtime.errors import SettingError
from yizhan.runtime.metrics import MetricsServer, new_registry, serve, without_gauges


def test_it_serves_its_own_registry() -> None:
    """What is counted in the registry can be read over HTTP."""
    registry = new_registry()
    Counter("yizhan_tried", "Tried.", registry=registry).inc()
    with MetricsServer(registry, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.port}/metrics"
        with urllib.request.urlopen(address) as answer:
            text = answer.read().decode()
    assert "yizhan_tried_total 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_a_taken_port_is_named() -> None:
    """Two processes on one port: the second is told which setting to change."""
    with (
        MetricsServer(new_registry(), "127.0.0.1", 0) as server,
        pytest.raises(SettingError, match="metrics_port"),
    ):
        MetricsServer(new_registry(), "127.0.0.1", server.port)


def test_no_port_means_off() -> None:
    """Without a port nothing listens."""
    assert serve(new_registry(), "127.0.0.1", None) is None


def test_what_another_process_tells_is_left_out() -> None:
    """Gauges of the publisher are not told by the inbox too; what adds up over processes is."""
    registry = new_registry()
    Gauge("yizhan_outbox_depth", "Depth.", registry=registry)
    Histogram("yizhan_outbox_sending", "Sending.", registry=registry)
    Counter("yizhan_outbox_books", "Books.", registry=registry).inc()
    Gauge("yizhan_inbox_ringing", "Ringing.", registry=registry)
    told = generate_latest(without_gauges(registry, "yizhan_outbox_")).decode()
    assert "yizhan_outbox_books_total 1.0" in told
    assert "yizhan_inbox_ringing 0.0" in told
    assert "yizhan_outbox_depth" not in told
    assert "yizhan_outbox_sending" not in told
