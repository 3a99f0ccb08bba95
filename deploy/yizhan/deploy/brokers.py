"""The brokers of a home: one, or three that replace each other.

Rule 1: a home has as many as ``broker/ports.json`` names. More may be added, none is taken away.
Rule 2: growing loses nothing and refuses nothing: the first broker runs on while the others join and copy, and starts
        again with the settings of three only when every partition is on all of them.
Rule 3: brokers that run are started again one after the other, each only while all others have everything.

Each is controller too, so two of three must run. A home on one machine with three brokers survives a killed process and
a lost disk; it survives a lost machine only where each broker has a machine of its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from yizhan.deploy.broker import HEAP_MIB, READY_SECONDS, STOP_SECONDS, Broker, Status
from yizhan.deploy.errors import ApplyFailed, BrokerFailed
from yizhan.deploy.jars import Progress
from yizhan.deploy.ports import choose_ports, ports_file, read_ports
from yizhan.deploy.quorum import ClusterState, cluster_state, make_dynamic
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas.i18n import _

SIZES: Final = (1, 3)
"""How many brokers a home may have: two are worth no more than one, since both must run."""
_JOIN_SECONDS: Final = 90.0
"""How long may nothing change while brokers join, or copy what they missed."""
_LOOK_SECONDS: Final = 0.2


class Brokers:
    """All brokers of one home folder."""

    def __init__(self, home: Path, *, cache: Path | None = None, heap_mib: int = HEAP_MIB) -> None:
        """Take the folder; nothing is touched before :meth:`start`."""
        self._home, self._cache, self._heap_mib = home.absolute(), cache, heap_mib

    @property
    def nodes(self) -> tuple[Broker, ...]:
        """The brokers, the first one first; only that one before ports were chosen."""
        return tuple(self._node(number) for number in read_ports(ports_file(self._home)) or (1,))

    @property
    def first(self) -> Broker:
        """The broker that a home has always had."""
        return self._node(1)

    @property
    def bootstrap(self) -> str:
        """The addresses of all, with commas; chosen on first use."""
        return self.first.bootstrap

    def admin_connection(self) -> KafkaConnection:
        """Return the administrator's connection to all of them."""
        return self.first.admin_connection()

    def node(self, number: int) -> Broker:
        """Return one of them. Raises :class:`BrokerFailed` for a number that the home does not have."""
        if number not in {each.node for each in self.nodes}:
            raise BrokerFailed(f"{self._home} has {len(self.nodes)} brokers, and no {number}; see broker status")
        return self._node(number)

    def grow(self, nodes: int) -> None:
        """Give the home so many brokers, if it has fewer; starts nothing. Raises :class:`BrokerFailed`."""
        if nodes not in SIZES:
            raise BrokerFailed(f"nodes: expected {' or '.join(map(str, SIZES))}, got {nodes}")
        if nodes < len(self.nodes):
            raise BrokerFailed(
                f"{self._home} has {len(self.nodes)} brokers, and cannot go back to {nodes}: what only the others have "
                "would be lost; leave --nodes out"
            )
        choose_ports(ports_file(self._home), nodes)

    def start(self, progress: Progress = lambda _: None, timeout: float = READY_SECONDS) -> tuple[Status, ...]:
        """Start those that do not run, and wait until each answers and votes. Raises as :meth:`Broker.start`."""
        first, *others = self.nodes
        if not others:
            return (first.start(progress, timeout),)
        if first.formatted and not first.dynamic:  # made by an earlier version, with a fixed list of controllers
            first.start(progress, timeout)
            make_dynamic(first.admin_connection(alone=True))
            first.mark_dynamic()
        if not any(each.formatted for each in self.nodes):
            first.prepare(progress)  # the first founds the cluster, the others join it
        self._each(lambda node: node.launch(progress), self.nodes)
        self._each(lambda node: node.start(progress, timeout), self.nodes)
        progress(_("等各个 Kafka 互相接上"))
        voters = {(each.node, each.directory_id()) for each in self.nodes}
        self._wait(lambda state: state.brokers >= self._all and state.controllers >= voters, "all brokers to join")
        return self.status()

    def wait_whole(self) -> None:
        """Wait until all have joined and have everything. Raises :class:`BrokerFailed` when that makes no progress."""
        self._wait(lambda state: state.brokers >= self._all and not state.under_replicated, "everything on all brokers")

    def renew(
        self, progress: Progress = lambda _: None, *, alone: bool = False, supervised: bool = False
    ) -> tuple[str, ...]:
        """Start those again, one after the other, that run with outdated settings; one line each.

        One alone goes on, unless ``alone``: nothing moves while it starts. ``supervised``: they are only stopped, and
        whoever supervises them starts them.

        Raises :class:`BrokerFailed` where a partition is not on all its brokers: then starting again would stop it.
        """
        lines: list[str] = []
        several = len(self.nodes) > 1
        for node in self.nodes if alone or several else ():
            if node.pid() is None or not node.is_outdated():
                continue
            if several:
                self.wait_whole()
            progress(_("Kafka {node} 换上新的设置").format(node=node.node))
            node.restart(progress, supervised=supervised)
            lines.append(f"broker {node.node}: started again with new settings")
            if several:
                self.wait_whole()
        return tuple(lines)

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Stop all; after ``timeout`` seconds they are killed. Return False if none ran."""
        return any(self._each(lambda node: node.stop(timeout), self.nodes))

    def status(self) -> tuple[Status, ...]:
        """Return of each whether it runs, and where; asks the operating system only."""
        return tuple(each.status() for each in self.nodes)

    def pid(self) -> int | None:
        """Return the process id of the first that runs, or None."""
        return next(filter(None, (each.pid() for each in self.nodes)), None)

    @property
    def _all(self) -> frozenset[int]:
        return frozenset(each.node for each in self.nodes)

    def _node(self, number: int) -> Broker:
        return Broker(self._home, number, cache=self._cache, heap_mib=self._heap_mib)

    def _each(self, do: Callable[[Broker], bool | Status], nodes: tuple[Broker, ...]) -> list[bool | Status]:
        with ThreadPoolExecutor(len(nodes)) as pool:
            return list(pool.map(do, nodes))

    def _wait(self, holds: Callable[[ClusterState], bool], what: str) -> None:
        """Wait as long as something still moves."""
        found, seen, moved = None, None, time.monotonic()
        while time.monotonic() - moved < _JOIN_SECONDS:
            with contextlib.suppress(ApplyFailed):  # the controller is being elected
                found = cluster_state(self.admin_connection())
                if holds(found):
                    return
            if found != seen:
                seen, moved = found, time.monotonic()
            time.sleep(_LOOK_SECONDS)
        raise BrokerFailed(
            f"expected {what}; for {_JOIN_SECONDS:.0f} s the cluster says {found}; see the logs of the brokers"
        )
