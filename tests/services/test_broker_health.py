"""What is said of a home with three brokers, or of three elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yizhan.deploy.errors import ApplyFailed
from yizhan.deploy.home import setup_home
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.sample import TWO
from yizhan.services.broker_health import broker_faults
from yizhan.services.home import Home
from yizhan.services.processes import broker_nodes, broker_pid, has_broker, log_path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home of three brokers, none of which runs."""
    setup_home(tmp_path, TWO, now=datetime.now(UTC), nodes=3)
    return Home(tmp_path)


def run(home: Home, *names: str) -> None:
    """Let brokers run, as far as their files say: this very process stands for each."""
    for name in names:
        (home.path / name).mkdir(exist_ok=True)
        broker_nodes(home)[name].remember(os.getpid())


def said(home: Home) -> list[tuple[str, str]]:
    """Return codes and sentences."""
    connection = home.settings.connection(topics.STATION)
    return [(each.code, str(each.sentence)) for each in broker_faults(home, connection)]


def test_a_home_knows_its_three_brokers(home: Home) -> None:
    """Each has its process and its log; the home has a broker as long as one runs."""
    assert has_broker(home)
    assert list(broker_nodes(home)) == ["broker", "broker-2", "broker-3"]
    assert log_path(home, "broker-2") == home.path / "broker-2" / "broker.log"
    assert broker_pid(home) is None
    run(home, "broker-3")
    assert broker_pid(home) == os.getpid()


def test_one_dead_broker_is_named(home: Home) -> None:
    """The others carry on; where none runs, that is said elsewhere."""
    assert said(home) == []
    run(home, "broker", "broker-3")
    (found,) = said(home)
    assert found[0] == "broker_node_down"
    assert "broker-2" in found[1]


def test_two_dead_brokers_stop_everything(home: Home) -> None:
    """The sentence says that it stands still."""
    run(home, "broker-2")
    (found,) = said(home)
    assert "收发都停着" in found[1]


def test_three_that_run_are_asked(home: Home) -> None:
    """Whether everything is on all of them only they know."""
    run(home, "broker", "broker-2", "broker-3")
    with pytest.raises(ApplyFailed):
        said(home)


def test_servers_elsewhere_that_are_all_silent_are_not_named_one_by_one(tmp_path: Path) -> None:
    """A county says that Kafka is away, not that each of its servers is."""
    servers = "127.0.0.1:9,127.0.0.1:8"
    toml = f'bootstrap_servers = "{servers}"\nkafka_security = "plaintext"\n'
    (tmp_path / "yizhan.toml").write_text(toml, encoding="utf-8")
    assert list(broker_faults(Home(tmp_path), KafkaConnection(servers))) == []
