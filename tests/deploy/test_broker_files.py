"""What the broker's folder holds, and whom it would signal, without starting one."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import TopicPartition

from tests.world.waiting import until
from yizhan.deploy import admin
from yizhan.deploy.broker import HEAP_MIB, Broker
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.errors import BrokerFailed
from yizhan.deploy.home import setup_home
from yizhan.deploy.properties import Place, server_properties
from yizhan.deploy.replication import plan
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TWO = ("350924", "331126")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home folder that was set up for two members."""
    setup_home(tmp_path / "home", TWO, now=NOW)
    return tmp_path / "home"


def test_setting_up_again_changes_nothing(home: Path) -> None:
    """Certificates, ports and settings stay byte for byte."""
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert setup_home(home, TWO, now=NOW) == ()
    assert before == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_settings_lead_to_the_broker_for_every_principal(home: Path) -> None:
    """What setup wrote is what every process finds."""
    settings = Settings.load(home)
    assert settings.bootstrap_servers == Broker(home).bootstrap
    for principal in topics.principals(TWO):
        assert settings.connection(principal).ssl_context() is not None


def test_only_the_bootstrap_line_is_written(home: Path) -> None:
    """An administrator's own settings are kept, comments too."""
    path = home / "yizhan.toml"
    path.write_text('# ours\nbootstrap_servers = "10.0.0.1:9"\nlang = "en"\n', encoding="utf-8")
    setup_home(home, TWO, now=NOW)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f'bootstrap_servers = "{Broker(home).bootstrap}"\n# ours\nlang = "en"')


def test_properties_open_nothing_but_the_loopback(home: Path) -> None:
    """Both listeners on 127.0.0.1 with mutual TLS, nobody without a rule, no topic by accident."""
    text = server_properties(home / "data", home / "tls" / "broker", 21000, 21001)
    settings = dict(line.split("=", 1) for line in text.splitlines())
    assert settings["listeners"] == "SSL://127.0.0.1:21000,CONTROLLER://127.0.0.1:21001"
    assert settings["listener.security.protocol.map"] == "SSL:SSL,CONTROLLER:SSL"
    assert settings["ssl.client.auth"] == "required"
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["super.users"] == "User:broker;User:admin"
    assert settings["ssl.principal.mapping.rules"].startswith("RULE:^CN=(")
    assert "BEGIN PRIVATE KEY" in settings["ssl.keystore.key"]


def test_one_address_cannot_fill_the_brokers_memory(home: Path) -> None:
    """All requests that an address may claim fit into the memory for requests, and these into the heap."""
    text = server_properties(home / "data", home / "tls" / "broker", 21000, 21001)
    settings = dict(line.split("=", 1) for line in text.splitlines())
    claimed = int(settings["socket.request.max.bytes"]) * int(settings["max.connections.per.ip"])
    assert claimed < int(settings["queued.max.request.bytes"]) < HEAP_MIB * 1024 * 1024 / 2
    assert int(settings["socket.request.max.bytes"]) > topics.STATION_MAX_BYTES
    assert int(settings["producer.id.expiration.ms"]) <= 60_000


def test_one_of_three_may_be_lost(home: Path) -> None:
    """Two of three have what was acknowledged, of Kafka's own topics too, and only who has it leads."""
    place = Place(2, 3, ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"))
    text = server_properties(home / "data", home / "tls" / "broker", 21000, 21001, place)
    settings = dict(line.split("=", 1) for line in text.splitlines())
    assert {settings[name] for name in settings if name.endswith("replication.factor")} == {"3"}
    assert {settings[name] for name in settings if name.endswith(("min.isr", "min.insync.replicas"))} == {"2"}
    assert settings["unclean.leader.election.enable"] == "false"
    assert settings["super.users"] == "User:broker;User:admin"
    assert settings["controller.quorum.bootstrap.servers"] == "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"
    assert "controller.quorum.voters" not in settings
    assert (settings["node.id"], settings["broker.rack"]) == ("2", "rack-2")


def test_a_home_grows_to_three_and_never_back(home: Path) -> None:
    """The first broker keeps its ports, everybody gets all addresses, and two or one are refused."""
    before = json.loads((home / "broker" / "ports.json").read_text())
    setup_home(home, TWO, now=NOW, nodes=3)
    brokers = Brokers(home)
    assert [each.node for each in brokers.nodes] == [1, 2, 3]
    kept = json.loads((home / "broker" / "ports.json").read_text())
    assert {name: kept[name] for name in before} == before
    assert Settings.load(home).bootstrap_servers == ",".join(each.address for each in brokers.nodes)
    assert setup_home(home, TWO, now=NOW) == ()
    for nodes in (1, 2):
        with pytest.raises(BrokerFailed, match=r"brokers|expected 1 or 3"):
            brokers.grow(nodes)


def test_a_broker_of_an_earlier_version_keeps_its_list_of_controllers(home: Path) -> None:
    """Data that were formatted with a fixed list start only with it; new data have none."""
    broker = Broker(home)
    broker.data.mkdir(parents=True)
    (broker.data / "meta.properties").write_text("cluster.id=x\n")
    assert broker.formatted
    assert not broker.dynamic
    broker.mark_dynamic()
    assert broker.dynamic


def test_replicas_are_added_and_never_taken_away() -> None:
    """Where two of three brokers are there, or one that holds a copy is not, nothing is removed."""
    first, second = TopicPartition("a", 0), TopicPartition("b", 0)
    assert plan({first: (1, 2), second: (1, 2, 3)}, [1, 2]) == {}
    assert plan({first: (1, 9)}, [1, 2, 3]) == {first: [1, 2, 9]}
    spread = plan({TopicPartition(name, 0): (1,) for name in "abc"}, [1, 2, 3])
    assert {replicas[0] for replicas in spread.values()} == {1, 2, 3}


def test_ports_are_below_those_of_outgoing_connections(home: Path) -> None:
    """A client that retries can then never connect to itself on the broker's port."""
    for port in json.loads((home / "broker" / "ports.json").read_text()).values():
        assert 20_000 <= port < 32_000


def test_a_used_process_id_is_never_signalled(home: Path) -> None:
    """The pid file names a living process that is not ours: not running, and left alone."""
    broker = Broker(home)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        note = {"pid": stranger.pid, "started": "another boot/123"}
        (home / "broker" / "pid").write_text(json.dumps(note))
        assert broker.pid() is None
        assert not broker.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_killed_broker_is_gone_when_its_last_thread_is(home: Path) -> None:
    """A zombie whose threads still end holds the port: it is no dead broker yet."""
    lingers = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start();"
        "print(flush=True); ctypes.CDLL(None).syscall(60 if __import__('platform').machine() == 'x86_64' else 93, 0)"
    )
    broker = Broker(home)
    with subprocess.Popen([sys.executable, "-c", lingers], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        broker.folder.mkdir(exist_ok=True)
        broker.process.remember(process.pid)  # as start does
        stat = Path(f"/proc/{process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "a zombie")
        assert broker.pid() == process.pid
        process.kill()
        until(lambda: broker.pid() is None, "the end of its last thread")


@pytest.mark.parametrize("note", ["", "{}", "[]", "123", '{"pid": "x", "started": 1}'])
def test_a_damaged_pid_file_means_not_running(home: Path, note: str) -> None:
    """A file cut short by a full disk stops nothing and signals nobody."""
    (home / "broker" / "pid").write_text(note)
    assert Broker(home).pid() is None


def test_the_status_before_the_first_start(home: Path) -> None:
    """It does not run, has an address already and no cluster id yet."""
    status = Broker(home).status()
    assert (status.running, status.pid, status.cluster_id) == (False, None, None)
    assert status.bootstrap == Settings.load(home).bootstrap_servers


def test_damaged_ports_are_named(home: Path) -> None:
    """A damaged ports file is named in the sentence."""
    (home / "broker" / "ports.json").write_text("{}")
    with pytest.raises(BrokerFailed, match=r"ports\.json"):
        _ = Broker(home).bootstrap


def test_rules_follow_from_the_declaration() -> None:
    """A rule a writer, a rule a reader, and one's own groups: nothing else."""
    rules = set(admin.rules(topics.declare(TWO)))
    mine = {rule[1:] for rule in rules if rule[0] == "county-350924"}
    shared = (topics.CHECKPOINTS, topics.CHARTER, *(topics.cosignatures(code) for code in TWO))
    own = (topics.alerts, topics.digests, topics.postings)
    assert mine == {
        ("WRITE", "TOPIC/LITERAL", topics.events("350924")),
        ("WRITE", "TOPIC/LITERAL", topics.attachments("350924")),
        ("READ", "TOPIC/LITERAL", topics.attachments("331126")),
        ("WRITE", "TOPIC/LITERAL", topics.cosignatures("350924")),
        *(("READ", "TOPIC/LITERAL", topic("350924")) for topic in own),
        *(("READ", "TOPIC/LITERAL", name) for name in shared),
        ("READ", "GROUP/PREFIXED", "yizhan-county-350924"),
    }
    assert {operation for _, operation, _, _ in rules} == {"READ", "WRITE"}
    assert not any(principal in {"admin", "broker"} for principal, *_ in rules)
