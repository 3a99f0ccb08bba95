"""The processes of a home: which it has keys for, which of them run, what they wrote.

Rule 1: whether one runs is asked of the kernel, by the lock that it holds: whoever started it.
Rule 2: nothing here needs a Kafka client; starting and ending: ``process_control``.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from yizhan.consumers.view import LOCK as READER_LOCK
from yizhan.deploy.errors import DeployError
from yizhan.deploy.ports import Ports, ports_file, read_ports
from yizhan.ledger.log import LOCK as LEDGER_LOCK
from yizhan.ledger.mirror import FILE as COSIGNER_FILE
from yizhan.producers.outbox_view import LOCK as PUBLISHER_LOCK
from yizhan.runtime.detached import Detached
from yizhan.runtime.file_lock import holder, is_shared
from yizhan.runtime.heartbeat import silence_seconds
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.topics import STATION
from yizhan.services.home import WORKER_LOCK, Home
from yizhan.services.ledger import COSIGNER_LOCK
from yizhan.services.stores import INBOX_FILE, OUTBOX_FILE

BROKER: Final = "broker"
DESK_FILE: Final = "desk.sqlite3"
"""The accounts of a county's web desk; where it is there, the county has a desk."""
DESK_LOCK: Final = ".desk.lock"
"""After ``DESK_FILE``: held by the process that serves the desk."""
RUN_FOLDER: Final = "run"
"""Where ``process_control`` records what it started."""
_TAIL_BYTES: Final = 1 << 20
State = Literal["started", "running", "ended", "not_ready", "stopped"]
"""Started and ready; ran already, and goes on; ended at once; not ready in time, and goes on; ended by us."""


@dataclass(frozen=True, slots=True)
class HomeProcess:
    """One process of a home. ``ready`` is what it writes when it works; ``lock`` what it holds while it runs."""

    name: str
    county: str | None
    action: Action
    ready: str
    lock: Path


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What became of one process; ``last_lines`` are the end of its log where it does not work."""

    name: str
    state: State
    log: Path
    last_lines: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it does not work."""
        return self.state in {"ended", "not_ready"}


def home_processes(home: Home) -> tuple[HomeProcess, ...]:
    """Return the processes that this home has keys for, in the order of their start; the broker is not among them."""
    station, ledger, counties = home.path / STATION, home.path / "ledger", sorted(home.path.glob("counties/*"))
    found = []
    if _has_key(station):
        found.append(HomeProcess(STATION, None, Action.to("station.run"), "Worker ready", station / WORKER_LOCK))
    found += _of_counties(counties, "inbox", "seal", "inbox.background", INBOX_FILE + READER_LOCK)
    found += _of_counties(counties, "outbox", "sign", "outbox.run", OUTBOX_FILE + PUBLISHER_LOCK)
    if _has_key(ledger):
        found.append(HomeProcess("ledger", None, Action.to("ledger.run"), ": ready", ledger / LEDGER_LOCK))
    found += _of_counties(counties, "cosign", "cosign", "ledger.cosign", COSIGNER_FILE + COSIGNER_LOCK)
    desks = [each for each in counties if (each / DESK_FILE).exists()]
    return (*found, *_of_counties(desks, "desk", "", "desk.run", DESK_FILE + DESK_LOCK))


def _of_counties(folders: list[Path], kind: str, key: str, action: str, lock: str) -> list[HomeProcess]:
    return [
        HomeProcess(f"{kind}-{each.name}", each.name, Action.to(action, county=each.name), ": ready", each / lock)
        for each in folders
        if not key or _has_key(each, key) or (_is_hidden(each / "keys") and (each / lock).exists())
    ]


def _has_key(folder: Path, kind: str = "") -> bool:
    return any((folder / "keys").glob(f"{kind}*.pem"))


def _is_hidden(keys: Path) -> bool:
    """Return whether keys are kept from this process, as the unit of the web desk does."""
    return keys.is_dir() and not os.access(keys, os.R_OK | os.X_OK)


def has_broker(home: Home) -> bool:
    """Return whether the broker of the settings is this home's own, or would be: with a station, and none named."""
    if "bootstrap_servers" not in home.settings.model_fields_set:
        return _has_key(home.path / STATION)
    own = {f"127.0.0.1:{each.broker}" for each in _ports(home).values()}
    named = home.settings.bootstrap_servers.split(",")
    return bool(own) and {each.strip() for each in named} <= own


def desk_port(home: Home, county: str) -> int:
    """Return the port of a county's desk: the setting's, and of a home with several desks the next ones."""
    desks = sorted(path.parent.name for path in home.path.glob(f"counties/*/{DESK_FILE}"))
    return home.settings.desk_port + (desks.index(county) if county in desks else len(desks))


def is_running(process: HomeProcess) -> bool:
    """Return whether a process runs, whoever started it."""
    return is_shared(process.lock) if process.name == STATION else holder(process.lock) is not None


def silence(process: HomeProcess) -> float | None:
    """Return how many seconds ago a process last said that its work advances; None if it never did."""
    return silence_seconds(process.lock)


def progress_age(home: Home, county: str, kind: Literal["inbox", "outbox"]) -> float | None:
    """Return how many seconds ago a process of a county last advanced; None if it never ran.

    A process that works says so about once a second. While no broker answers it may be silent for up to ten.
    """
    name, lock = (INBOX_FILE, READER_LOCK) if kind == "inbox" else (OUTBOX_FILE, PUBLISHER_LOCK)
    return silence_seconds(home.county_folder(county) / f"{name}{lock}")


def receiving_stopped(home: Home, county: str) -> Action | None:
    """Return what starts a county's inbox again, where it has run in this home and does not run now."""
    inbox = next((each for each in home_processes(home) if each.name == f"inbox-{county}"), None)
    if inbox is None or not inbox.lock.exists() or is_running(inbox):
        return None
    return start_action(home) or inbox.action


def was_started_by_up(home: Home) -> bool:
    """Return whether ``process_control`` has ever started processes of this home: then no supervisor keeps them."""
    return (home.path / RUN_FOLDER).is_dir()


def start_action(home: Home) -> Action | None:
    """Return what starts the processes of this home; None where something else than ``up`` has: it supervises them."""
    by_up = was_started_by_up(home) or not any(each.lock.exists() for each in home_processes(home))
    return Action.to("home.start") if by_up else None


def broker_nodes(home: Home) -> dict[str, Detached]:
    """Return the brokers of this home, by the name of the process."""
    names = [BROKER if number == 1 else f"{BROKER}-{number}" for number in _ports(home) or (1,)]
    return {name: Detached(home.path / name / "pid") for name in names}


def broker_pid(home: Home) -> int | None:
    """Return the process id of a broker of this home that runs; None where none does."""
    return next(filter(None, (each.pid() for each in broker_nodes(home).values())), None)


def _ports(home: Home) -> dict[int, Ports]:
    with contextlib.suppress(OSError, DeployError):
        return read_ports(ports_file(home.path))
    return {}


def log_path(home: Home, name: str) -> Path:
    """Return where a process that was started in the background writes."""
    if name.partition("-")[0] == BROKER:
        return home.path / name / "broker.log"
    return home.path / "logs" / f"{name}.log"


def log_files(home: Home, name: str | None = None) -> dict[str, Path]:
    """Return the logs that are there, or one of them, by the name of the process (``NotFound``)."""
    names = [*broker_nodes(home), *(each.name for each in home_processes(home))]
    found = {each: path for each in names if (path := log_path(home, each)).is_file()}
    if name is None:
        return found
    if name not in found:
        sentence = marked("没有 {name} 的日志；有的是：{known}")
        raise NotFound(sentence, name=name, known=join_list(found), hint=start_action(home))
    return {name: found[name]}


def last_lines(path: Path, count: int, first: int = 0) -> tuple[tuple[str, ...], int]:
    """Return the last lines that a log has from a byte on, and where its last finished line ends, in bytes.

    An unfinished line is among them.
    """
    size = path.stat().st_size if path.exists() else 0
    begin = max(first, size - _TAIL_BYTES)
    data, begin = _bytes_from(path, begin)
    lines = data.decode("utf-8", "replace").splitlines()[1 if begin > first else 0 :]
    return tuple(lines[-count:] if count else ()), begin + data.rfind(b"\n") + 1


def new_text(path: Path, begin: int) -> tuple[str, int]:
    """Return the finished lines that a log has from a byte on, and where they end.

    Where the log has become shorter, they are read from its first byte.
    """
    data, begin = _bytes_from(path, begin)
    lines = data[: data.rfind(b"\n") + 1]
    return lines.decode("utf-8", "replace"), begin + len(lines)


def _bytes_from(path: Path, begin: int) -> tuple[bytes, int]:
    """Return the bytes of a file from a place on, and that place: 0 where the file is shorter or not there."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        begin = file.seek(begin if begin <= file.seek(0, os.SEEK_END) else 0)
        return file.read(), begin
    return b"", 0
