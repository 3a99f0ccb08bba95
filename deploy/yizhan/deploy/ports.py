"""The ports of a home's brokers: chosen once, kept in ``broker/ports.json``.

Rule 1: the file of a single broker has its two ports; those of further nodes stand beside them, under ``nodes``.
Rule 2: a port that was chosen is never changed here.
"""

from __future__ import annotations

import json
import random
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from yizhan.deploy.errors import BrokerFailed


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one node: of the clients, and of the controllers."""

    broker: int
    controller: int


def folder(home: Path, node: int) -> Path:
    """Return the folder of a node's files."""
    return home / ("broker" if node == 1 else f"broker-{node}")


def ports_file(home: Path) -> Path:
    """Return the file with the ports of all nodes."""
    return folder(home, 1) / "ports.json"


def read_ports(path: Path) -> dict[int, Ports]:
    """Return the ports by number of the node; none before the first start. Raises :class:`BrokerFailed`."""
    try:
        kept = json.loads(path.read_text())
        found = {1: kept, **{int(node): each for node, each in kept.get("nodes", {}).items()}}
        return {node: Ports(int(found[node]["broker"]), int(found[node]["controller"])) for node in sorted(found)}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokerFailed(f"{path}: expected two ports of each node, got {error}; correct the file") from error


def choose_ports(path: Path, nodes: int) -> dict[int, Ports]:
    """Return the ports of all nodes, after choosing those of the nodes up to ``nodes`` that have none."""
    found = read_ports(path)
    missing = [node for node in range(1, nodes + 1) if node not in found]
    for node in missing:
        taken = {port for each in found.values() for port in (each.broker, each.controller)}
        first = _free_port(taken)
        found[node] = Ports(first, _free_port(taken | {first}))
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = asdict(found[1])
        if len(found) > 1:
            document["nodes"] = {str(node): asdict(each) for node, each in found.items() if node > 1}
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(document))
        part.replace(path)
    return found


def is_free(port: int) -> bool:
    """Return whether nobody listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    """Choose a port below the range that outgoing connections use.

    Inside it, a client that retries while the broker is down can connect to itself, and then holds
    the very port that the broker needs (TCP simultaneous open).
    """
    for _try in range(200):
        port = random.randint(20_000, 31_999)  # noqa: S311  a port, not a key
        if port not in taken and is_free(port):
            return port
    raise BrokerFailed("expected a free port from 20000 to 31999, got none; stop a process that uses one")
