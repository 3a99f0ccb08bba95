"""A real Apache Kafka on this machine, started and stopped like a service: one node, broker and controller.

Rule 1: it listens on the loopback only, on two ports chosen once and kept.
Rule 2: only a process whose id *and* start time are ours is ever signalled: ids are reused.
Rule 3: where no node has data, it is formatted under a new cluster id, so that old and new offsets cannot be
        confused. A node that alone lacks its data joins the cluster of the others. Existing data is never formatted.
Rule 4: starting a running broker does nothing.

Several nodes of one home: :mod:`yizhan.deploy.brokers`.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from yizhan.deploy import admin
from yizhan.deploy.class_archive import archive
from yizhan.deploy.errors import BrokerFailed
from yizhan.deploy.jars import Progress, cache_folder, class_path, ensure_jars, locked
from yizhan.deploy.java import java
from yizhan.deploy.ports import Ports, choose_ports, folder, is_free, ports_file, read_ports
from yizhan.deploy.properties import Place, server_properties
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.detached import Detached
from yizhan.schemas.i18n import _

HEAP_MIB: Final = 512
READY_SECONDS: Final = 90.0
"""How long a start may take: 5 s, or 12 s after a crash; more when the machine is busy."""
STOP_SECONDS: Final = 30.0
"""How long an orderly stop may take before the process is killed."""

_QUICK: Final = ("-XX:TieredStopAtLevel=1",)
"""Only the quick compiler: what runs for a few seconds needs half the processor time."""


_DYNAMIC: Final = "dynamic-quorum"
"""A file beside the data of the first node: its list of controllers is kept in the data, not in the settings."""


@dataclass(frozen=True, slots=True)
class Status:
    """Whether one node runs, and where. ``pid`` is None when it does not run."""

    running: bool
    pid: int | None
    bootstrap: str | None
    cluster_id: str | None
    log: Path
    node: int = 1


class _Ended(BrokerFailed):
    """The process ended while it was waited for."""


class Broker:
    """One node of a home; all its files are in ``<home>/broker``, those of further nodes in ``<home>/broker-2`` …."""

    def __init__(
        self,
        home: Path,
        node: int = 1,
        *,
        cache: Path | None = None,
        heap_mib: int = HEAP_MIB,
        record: Path | None = None,
    ) -> None:
        """Take the folders; nothing is touched before :meth:`start`. ``cache`` is the folder of the jars.

        ``record``: write the archive of its classes there when it ends, and use none.
        """
        self.home, self.node = home.absolute(), node
        self.folder = folder(self.home, node)
        self.data = self.folder / "data"
        self._tls = self.home / "tls"
        self._cache = cache or cache_folder()
        self._heap_mib = heap_mib
        self._record = record
        self.process = Detached(self.folder / "pid")
        self.log = self.folder / "broker.log"
        self.console = self.folder / "console.log"

    @property
    def ports(self) -> Ports:
        """Its own ports, chosen on first use."""
        return self._ports()[self.node]

    @property
    def address(self) -> str:
        """``127.0.0.1:port`` of this node; the port is chosen on first use."""
        return f"127.0.0.1:{self.ports.broker}"

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes of the home, with commas."""
        return ",".join(f"127.0.0.1:{each.broker}" for each in self._ports().values())

    def admin_connection(self, *, alone: bool = False) -> KafkaConnection:
        """Return the administrator's connection to the cluster, or to this node ``alone``."""
        files = self._tls / "admin"
        where = self.address if alone else self.bootstrap
        return KafkaConnection(where, files / "ca.pem", files / "cert.pem", files / "key.pem")

    @property
    def formatted(self) -> bool:
        """Whether it has data."""
        return (self.data / "meta.properties").exists()

    @property
    def dynamic(self) -> bool:
        """Whether the list of controllers is kept in the data: only then it can change."""
        return self.node > 1 or (self.data / _DYNAMIC).exists()

    def mark_dynamic(self) -> None:
        """Remember that the list of controllers is kept in the data."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / _DYNAMIC).touch()

    def start(self, progress: Progress = lambda _: None, timeout: float = READY_SECONDS) -> Status:
        """Start it detached, unless it runs, and wait until it answers.

        Certificates of ``broker`` and ``admin`` must be there. Raises :class:`DeployError`'s kinds:
        no Java, no Maven, no jars, a port taken, or a broker that ends (with its last words).
        """
        if not self.launch(progress):
            with contextlib.suppress(_Ended):  # it was about to end: then start it
                self.wait_ready(timeout)
                return self.status()
            self.launch(progress)
        self.wait_ready(timeout)
        return self.status()

    def launch(self, progress: Progress = lambda _: None) -> bool:
        """Start it detached and do not wait; return False where it runs already. Raises as :meth:`start`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.folder / "lock"):
            if self.pid() is not None:
                return False
            self.prepare(progress)
            self._check_ports()
            self._supervised.unlink(missing_ok=True)
            progress(_("启动 Kafka"))
            self.process.start(self.command(), self.console, empty=True)
        return True

    def prepare(self, progress: Progress = lambda _: None) -> None:
        """Provide jars, settings and formatted storage; idempotent, starts nothing."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ensure_jars(self._cache, progress)
        if not self.formatted:
            self.mark_dynamic()
        self._settings.unlink(missing_ok=True)
        self._settings.touch(mode=0o600)
        self._settings.write_text(self._properties(), encoding="ascii")
        log4j = resources.files("yizhan.deploy") / "kafka" / "log4j2.properties"
        (self.folder / "log4j2.properties").write_bytes(log4j.read_bytes())
        if not self.formatted:
            self._format()

    def is_outdated(self) -> bool:
        """Return whether its settings are others than those that it was started with."""
        return self._settings.exists() and self._settings.read_text(encoding="ascii") != self._properties()

    def command(self) -> list[str]:
        """Return the command line that runs the broker in the foreground, after :meth:`prepare`."""
        record = [] if self._record is None else [*_QUICK, f"-XX:ArchiveClassesAtExit={self._record}"]
        return [*self._java(), *record, f"-Xmx{self._heap_mib}m", f"-Xms{self._heap_mib // 2}m",
                "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError",
                "kafka.Kafka", str(self._settings)]  # fmt: skip

    def run(self, progress: Progress = lambda _: None) -> None:
        """Replace this process by the broker (for systemd). Returns only if the broker runs already."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.folder / "lock"):
            if self.pid() is not None:
                return
            self.prepare(progress)
            self._check_ports()
            argv = self.command()
            self._supervised.touch()
            self.process.remember(os.getpid())  # exec keeps both the id and the start time
        os.execv(argv[0], argv)  # noqa: S606  our own list, no shell

    def restart(
        self, progress: Progress = lambda _: None, timeout: float = READY_SECONDS, *, supervised: bool = False
    ) -> None:
        """Stop it and start it again with its present settings; where a supervisor runs it, that starts it.

        A supervisor is there where ``run`` started it, or where the caller says so (``supervised``).
        """
        self.stop()
        deadline = time.monotonic() + timeout
        while (supervised or self._supervised.exists()) and self.pid() is None:
            if time.monotonic() > deadline:
                raise BrokerFailed(f"broker {self.node} was stopped, and no supervisor started it again; start it")
            time.sleep(0.1)
        self.start(progress, timeout)

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Stop it: SIGTERM, after ``timeout`` seconds SIGKILL. Return False if it did not run."""
        return self.process.stop(timeout)

    def status(self) -> Status:
        """Return whether it runs, and where; asks the operating system only."""
        pid = self.pid()
        bootstrap = self.address if self.node in read_ports(self._ports_file) else None
        return Status(pid is not None, pid, bootstrap, self.cluster_id(), self.log, self.node)

    def pid(self) -> int | None:
        """Return the broker's process id if that very process is alive, else None."""
        return self.process.pid()

    def cluster_id(self) -> str | None:
        """Return the id that the storage was formatted with, or None before the first start."""
        return self._meta("cluster.id")

    def directory_id(self) -> str | None:
        """Return the id of the folder of its data, by which the cluster tells a new disk from the former; as a UUID."""
        found = self._meta("directory.id")
        return None if found is None else str(uuid.UUID(bytes=base64.urlsafe_b64decode(found + "==")))

    def _meta(self, name: str) -> str | None:
        with contextlib.suppress(OSError):
            for line in (self.data / "meta.properties").read_text().splitlines():
                if line.startswith(f"{name}="):
                    return line.partition("=")[2]
        return None

    def _java(self) -> list[str]:
        found = java()
        kept = archive(self._cache, found) if self._record is None else None
        return [found.path, "-cp", class_path(self._cache), *([f"-XX:SharedArchiveFile={kept}"] if kept else []),
                "-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
                f"-Dyizhan.broker.log={self.log}"]  # fmt: skip

    def _format(self) -> None:
        others = [Broker(self.home, node).cluster_id() for node in self._ports() if node != self.node]
        cluster_id = next(filter(None, others), None)
        if cluster_id is None and self.node > 1:
            raise BrokerFailed(f"broker {self.node} joins the first, which was never started; start that one")
        how = "--standalone" if cluster_id is None else "--no-initial-controllers"  # it joins those that there are
        argv = [*self._java(), *_QUICK, "kafka.tools.StorageTool", "format", how, "-t", cluster_id or _new_cluster_id(),
                "-c", str(self._settings)]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BrokerFailed(f"{self.data} cannot be formatted; Kafka said: {done.stderr or done.stdout}")

    def _properties(self) -> str:
        ports, controllers = self._ports(), tuple[str, ...]()
        if self.dynamic:
            controllers = tuple(f"127.0.0.1:{each.controller}" for each in ports.values())
        place = Place(self.node, len(ports), controllers)
        return server_properties(self.data, self._tls / "broker", self.ports.broker, self.ports.controller, place)

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until it answers, and is one of the cluster's. Raises :class:`BrokerFailed`."""
        deadline = time.monotonic() + timeout
        connection = self.admin_connection(alone=True)
        while time.monotonic() < deadline:
            if self.pid() is None:
                raise _Ended(f"broker {self.node} ended while starting; {self._last_words()}")
            if connection.speaks() and admin.answers(connection, node=self.node):
                return
            time.sleep(0.1)
        raise BrokerFailed(
            f"broker {self.node} does not answer after {timeout:.0f} s; is the machine busy? "
            f"Wait and start again. {self._last_words()}"
        )

    def _last_words(self) -> str:
        lines: list[str] = []
        for path in (self.console, self.log):
            with contextlib.suppress(OSError):
                lines += path.read_text(errors="replace").splitlines()[-400:]
        bad = [line for line in lines if "ERROR" in line or "Exception" in line or "FATAL" in line]
        return f"see {self.log}. It said:\n" + "\n".join((bad or lines)[-6:])

    @property
    def _supervised(self) -> Path:
        """A file that is there while what runs was started by ``run``."""
        return self.folder / "supervised"

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _ports_file(self) -> Path:
        return ports_file(self.home)

    def _ports(self) -> dict[int, Ports]:
        return choose_ports(self._ports_file, self.node)

    def _check_ports(self) -> None:
        for port in (self.ports.broker, self.ports.controller):
            if not is_free(port):
                raise BrokerFailed(
                    f"port {port} is taken by another process: stop that one, or change "
                    f"{self._ports_file} and bootstrap_servers in yizhan.toml"
                )


def _new_cluster_id() -> str:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return cluster_id.replace("-", "A", 1) if cluster_id.startswith("-") else cluster_id
