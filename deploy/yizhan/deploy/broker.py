"""A real Apache Kafka on this machine, started and stopped like a service.

Rule 1: it listens on the loopback only, on two ports chosen once and kept.
Rule 2: only a process whose id *and* start time are ours is ever signalled: ids are reused.
Rule 3: missing data is formatted again under a new cluster id, so that old and new offsets cannot be
        confused. Existing data is never formatted.
Rule 4: starting a running broker does nothing.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import socket
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
from yizhan.deploy.properties import server_properties
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


@dataclass(frozen=True, slots=True)
class Status:
    """The result of ``yizhan broker status``. ``pid`` is None when it does not run."""

    running: bool
    pid: int | None
    bootstrap: str | None
    cluster_id: str | None
    log: Path


class _Ended(BrokerFailed):
    """The process ended while it was waited for."""


class Broker:
    """The broker of one home folder; all its files are in ``<home>/broker``."""

    def __init__(
        self, home: Path, *, cache: Path | None = None, heap_mib: int = HEAP_MIB, record: Path | None = None
    ) -> None:
        """Take the folders; nothing is touched before :meth:`start`. ``cache`` is the folder of the jars.

        ``record``: write the archive of its classes there when it ends, and use none.
        """
        self.folder = home.absolute() / "broker"
        self._tls = home.absolute() / "tls"
        self._cache = cache or cache_folder()
        self._heap_mib = heap_mib
        self._record = record
        self._data = self.folder / "data"
        self.process = Detached(self.folder / "pid")
        self.log = self.folder / "broker.log"
        self.console = self.folder / "console.log"

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:port``; the port is chosen on first use."""
        return f"127.0.0.1:{self._ports()[0]}"

    def admin_connection(self) -> KafkaConnection:
        """Return the administrator's connection."""
        folder = self._tls / "admin"
        return KafkaConnection(self.bootstrap, folder / "ca.pem", folder / "cert.pem", folder / "key.pem")

    def start(self, progress: Progress = lambda _: None, timeout: float = READY_SECONDS) -> Status:
        """Start it detached, unless it runs, and wait until it answers.

        Certificates of ``broker`` and ``admin`` must be there. Raises :class:`DeployError`'s kinds:
        no Java, no Maven, no jars, a port taken, or a broker that ends (with its last words).
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.folder / "lock"):
            if self.pid() is not None:
                with contextlib.suppress(_Ended):  # it was about to end: then start it
                    self._wait_ready(timeout)
                    return self.status()
            self.prepare(progress)
            self._check_ports()
            progress(_("启动 Kafka"))
            self.process.start(self.command(), self.console, empty=True)
            self._wait_ready(timeout)
        return self.status()

    def prepare(self, progress: Progress = lambda _: None) -> None:
        """Provide jars, settings and formatted storage; idempotent, starts nothing."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ensure_jars(self._cache, progress)
        port, controller_port = self._ports()
        text = server_properties(self._data, self._tls / "broker", port, controller_port)
        properties = self.folder / "server.properties"
        properties.unlink(missing_ok=True)
        properties.touch(mode=0o600)
        properties.write_text(text, encoding="ascii")
        log4j = resources.files("yizhan.deploy") / "kafka" / "log4j2.properties"
        (self.folder / "log4j2.properties").write_bytes(log4j.read_bytes())
        if not (self._data / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        """Return the command line that runs the broker in the foreground, after :meth:`prepare`."""
        record = [] if self._record is None else [*_QUICK, f"-XX:ArchiveClassesAtExit={self._record}"]
        return [*self._java(), *record, f"-Xmx{self._heap_mib}m", f"-Xms{self._heap_mib // 2}m",
                "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError",
                "kafka.Kafka", str(self.folder / "server.properties")]  # fmt: skip

    def run(self, progress: Progress = lambda _: None) -> None:
        """Replace this process by the broker (for systemd). Returns only if the broker runs already."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.folder / "lock"):
            if self.pid() is not None:
                return
            self.prepare(progress)
            self._check_ports()
            argv = self.command()
            self.process.remember(os.getpid())  # exec keeps both the id and the start time
        os.execv(argv[0], argv)  # noqa: S606  our own list, no shell

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Stop it: SIGTERM, after ``timeout`` seconds SIGKILL. Return False if it did not run."""
        return self.process.stop(timeout)

    def status(self) -> Status:
        """Return whether it runs, and where; asks the operating system only."""
        pid = self.pid()
        bootstrap = self.bootstrap if (self.folder / "ports.json").exists() else None
        return Status(pid is not None, pid, bootstrap, self.cluster_id(), self.log)

    def pid(self) -> int | None:
        """Return the broker's process id if that very process is alive, else None."""
        return self.process.pid()

    def cluster_id(self) -> str | None:
        """Return the id that the storage was formatted with, or None before the first start."""
        with contextlib.suppress(OSError):
            for line in (self._data / "meta.properties").read_text().splitlines():
                if line.startswith("cluster.id="):
                    return line.partition("=")[2]
        return None

    def _java(self) -> list[str]:
        found = java()
        kept = archive(self._cache, found) if self._record is None else None
        return [found.path, "-cp", class_path(self._cache), *([f"-XX:SharedArchiveFile={kept}"] if kept else []),
                "-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
                f"-Dyizhan.broker.log={self.log}"]  # fmt: skip

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        cluster_id = cluster_id.replace("-", "A", 1) if cluster_id.startswith("-") else cluster_id
        argv = [*self._java(), *_QUICK, "kafka.tools.StorageTool", "format", "-t", cluster_id,
                "-c", str(self.folder / "server.properties")]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BrokerFailed(f"{self._data} cannot be formatted; Kafka said: {done.stderr or done.stdout}")

    def _wait_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        connection = self.admin_connection()
        while time.monotonic() < deadline:
            if self.pid() is None:
                raise _Ended(f"the broker ended while starting; {self._last_words()}")
            if connection.speaks() and admin.answers(connection):
                return
            time.sleep(0.1)
        raise BrokerFailed(
            f"the broker does not answer after {timeout:.0f} s; is the machine busy? "
            f"Wait and start again. {self._last_words()}"
        )

    def _last_words(self) -> str:
        lines: list[str] = []
        for path in (self.console, self.log):
            with contextlib.suppress(OSError):
                lines += path.read_text(errors="replace").splitlines()[-400:]
        bad = [line for line in lines if "ERROR" in line or "Exception" in line or "FATAL" in line]
        return f"see {self.log}. It said:\n" + "\n".join((bad or lines)[-6:])

    def _ports(self) -> tuple[int, int]:
        path = self.folder / "ports.json"
        try:
            kept = json.loads(path.read_text())
            return int(kept["broker"]), int(kept["controller"])
        except FileNotFoundError:
            port, controller_port = _free_port(), _free_port()
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text(json.dumps({"broker": port, "controller": controller_port}))
            return port, controller_port
        except (ValueError, KeyError, TypeError) as error:
            raise BrokerFailed(f"{path}: expected two ports, got {error}; correct the file") from error

    def _check_ports(self) -> None:
        for port in self._ports():
            if not _is_free(port):
                raise BrokerFailed(
                    f"port {port} is taken by another process: stop that one, or change "
                    f"{self.folder / 'ports.json'} and bootstrap_servers in yizhan.toml"
                )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    """Choose a port below the range that outgoing connections use.

    Inside it, a client that retries while the broker is down can connect to itself, and then holds
    the very port that the broker needs (TCP simultaneous open).
    """
    for _try in range(200):
        port = random.randint(20_000, 31_999)  # noqa: S311  a port, not a key
        if _is_free(port):
            return port
    raise BrokerFailed("expected a free port from 20000 to 31999, got none; stop a process that uses one")
