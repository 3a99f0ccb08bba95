"""Faults of the line between a county and the broker.

Kafka's clients follow the address that the broker advertises, so the processes of the county get a network
namespace of their own, in which a proxy stands at that very address. The listening socket is made inside; the proxy
itself runs outside, in this process, and reaches the broker there. Linux, and the right to make namespaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from bench.faults_run import Fault, NotPossibleError
from bench.faults_world import of_county
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bench.faults_run import Hurting

_NEW_NETWORK: Final = 0x40000000
"""CLONE_NEWNET, see unshare(2)."""
_GET_FLAGS: Final = 0x8913
_SET_FLAGS: Final = 0x8914
_UP: Final = 1
"""SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP, see netdevice(7)."""
_CHUNK: Final = 16 << 10
SLOW_DELAY_SECONDS: Final = 0.3
SLOW_BYTES_PER_SECOND: Final = 64 << 10
SLOW_SECONDS: Final = 30.0
CUT_SECONDS: Final = 60.0
RESETS: Final = 10


def own_network(port: int) -> tuple[int, socket.socket]:
    """Make a network namespace; return its descriptor, and a socket that listens at 127.0.0.1:port in it.

    Raises:
        NotPossibleError: this system does not let us.
    """
    found: list[tuple[int, socket.socket]] = []
    trouble: list[OSError] = []

    def make() -> None:  # in a thread: the namespace belongs to the thread that made it
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
                trouble.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
                return
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                request = struct.pack("16sh22x", b"lo", 0)
                flags = struct.unpack_from("16xh", fcntl.ioctl(any_socket, _GET_FLAGS, request))[0]
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", flags | _UP))
            listener = socket.create_server(("127.0.0.1", port))
            found.append((os.open("/proc/thread-self/ns/net", os.O_RDONLY), listener))
        except OSError as error:
            trouble.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if trouble:
        message = f"no network namespace: {trouble[0]}"
        raise NotPossibleError(message)
    return found[0]


class Way:
    """One connection of a client, with the two sockets of the proxy."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        """Take both ends."""
        self.ends, self.dead = ends, False

    def reset(self) -> None:
        """End both sides by RST."""
        for end in self.ends:
            known = end.get_extra_info("socket")
            with contextlib.suppress(OSError):
                known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class Line:
    """A proxy in a thread of its own. What it does to bytes may be changed at any time."""

    def __init__(self, port: int) -> None:
        """Listen; ``port`` is the broker's, and the one that clients find."""
        self.namespace, self._listener = own_network(port)
        self._port = port
        self.delay_seconds = 0.0
        self.bytes_per_second: int | None = None
        self.cut = False
        """Nothing passes, nothing is said: as if a cable was out."""
        self.ways: set[Way] = set()
        self._loop = asyncio.new_event_loop()
        self._free = [0.0, 0.0]
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()
        os.close(self.namespace)

    def call(self, do: Callable[[], None]) -> None:
        """Do something in the proxy's thread, and wait for it."""

        async def inside() -> None:
            do()

        asyncio.run_coroutine_threadsafe(inside(), self._loop).result(10)

    def reset(self) -> None:
        """Reset every connection."""

        def reset() -> None:
            for way in list(self.ways):
                way.reset()

        self.call(reset)

    def forget(self) -> None:
        """Let no more byte of today's connections pass; neither side is told."""

        def forget() -> None:
            for way in self.ways:
                way.dead = True

        self.call(forget)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._connected, sock=self._listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._passable()
            out_reader, out_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:  # the broker is down: the client is told as it would be without us
            Way(writer).reset()
            return
        way = Way(writer, out_writer)
        self.ways.add(way)
        up, down = self._pump(way, 0, reader, out_writer), self._pump(way, 1, out_reader, writer)
        try:
            await asyncio.gather(up, down)
        finally:
            self.ways.discard(way)
            way.reset()

    async def _pump(self, way: Way, side: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way until one side ends; they wait as long as the line says."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        sending = asyncio.ensure_future(self._send(way, side, waiting, writer))
        try:
            data = b"."
            while data:
                try:
                    data = await reader.read(_CHUNK)
                except OSError:
                    data = b""
                await waiting.put((time.monotonic() + self.delay_seconds, data))
            await sending
        finally:
            sending.cancel()

    async def _send(
        self, way: Way, side: int, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._passable()
            if way.dead:
                continue
            if self.bytes_per_second:
                now = time.monotonic()
                self._free[side] = max(now, self._free[side]) + len(data) / self.bytes_per_second
                await asyncio.sleep(self._free[side] - now)
            try:
                if not data:
                    writer.write_eof() if writer.can_write_eof() else writer.close()
                    return
                writer.write(data)
                await writer.drain()
            except (OSError, RuntimeError):
                way.reset()
                return

    async def _passable(self) -> None:
        while self.cut:  # noqa: ASYNC110 -- set from another thread
            await asyncio.sleep(0.05)


@contextlib.contextmanager
def behind(hurting: Hurting, lines: list[Line]) -> Iterator[None]:
    """Put the processes of a county behind a line, and back."""
    world, names = hurting.world, of_county(TWO[0])
    port = int(world.broker.bootstrap.rpartition(":")[2])
    with Line(port) as line:
        for name in names:
            world.prefix[name] = ["nsenter", f"--net=/proc/{os.getpid()}/fd/{line.namespace}"]
        lines.append(line)
        try:
            world.restart(names)
            yield
        finally:
            lines.clear()
            line.cut = False
            for name in names:
                del world.prefix[name]
            world.restart(names)


def slow(hurting: Hurting, line: Line) -> None:
    """Make the line slow for a while."""
    line.delay_seconds, line.bytes_per_second = SLOW_DELAY_SECONDS, SLOW_BYTES_PER_SECOND
    time.sleep(SLOW_SECONDS)
    hurting.note(f"while it is slow an event comes through after {hurting.flows():.1f} s")
    line.delay_seconds, line.bytes_per_second = 0.0, None
    hurting.flows()


def cut(hurting: Hurting, line: Line) -> None:
    """Let no byte pass for a minute."""
    line.cut = True
    time.sleep(CUT_SECONDS)
    line.cut = False
    hurting.note(f"after the cut events flow again within {hurting.flows():.1f} s")


def half_open(hurting: Hurting, line: Line) -> None:
    """Let the connections of today carry nothing any more; new ones may be made."""
    line.forget()
    hurting.note(f"events flow again after {hurting.flows():.1f} s, over new connections")


def resets(hurting: Hurting, line: Line) -> None:
    """Reset all connections again and again."""
    for _ in range(RESETS):
        hurting.pause(0.5, 2.5)
        line.reset()
    hurting.note(f"after {RESETS} resets events flow again within {hurting.flows():.1f} s")


def _fault(what: str, times: int, hurt: Callable[[Hurting, Line], None]) -> Fault:
    lines: list[Line] = []

    def around(hurting: Hurting) -> AbstractContextManager[None]:
        return behind(hurting, lines)

    return Fault(what, times, lambda hurting, _turn: hurt(hurting, lines[0]), around)


FAULTS: Final = {
    "line_slow": _fault(
        f"line of a county: {SLOW_DELAY_SECONDS * 1000:.0f} ms more each way, {SLOW_BYTES_PER_SECOND >> 10} KiB/s, "
        f"for {SLOW_SECONDS:.0f} s",
        1,
        slow,
    ),
    "line_cut": _fault(f"line of a county: nothing passes for {CUT_SECONDS:.0f} s", 1, cut),
    "line_half_open": _fault("line of a county: its connections carry nothing more, and nobody is told", 1, half_open),
    "line_reset": _fault(f"line of a county: all connections are reset, {RESETS} times in 15 s", 1, resets),
}
