"""Faults of processes: kill -9 and SIGSTOP of each, a broker without its disk, standbys that come and go, a storm."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from bench.faults_ledger import LEDGER, cosigner
from bench.faults_load import PARTNER
from bench.faults_run import Fault
from bench.faults_world import BROKER, STANDBY, STATION, desk, inbox, publisher
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.faults_run import Hurting
    from bench.faults_world import World

STOPPED_SECONDS: Final = 10.0
"""How long a process is stopped, in seconds: a session with the broker ends after 6."""
DESK_SECONDS: Final = 60.0
"""How long a desk may take until it answers."""
CLOSING_SECONDS: Final = 120.0
JOINS: Final = 12
STANDBY_SECONDS: Final = 3.0
"""How long a standby stays at least."""
STORM_EVENTS: Final = 100_000
STORM_KILLS: Final = 100
STORM_RATE: Final = 400
"""Events a second at most; what the station has not answered holds the load back (:data:`STORM_AWAITED`)."""
STORM_AWAITED: Final = 1000


def kill(hurting: Hurting, name: str, *, sources: tuple[str, ...] = TWO) -> None:
    """Kill a process at some moment and start it again; one in four times again while it starts."""
    hurting.pause()
    hurting.world.kill(name)
    hurting.world.start(name)
    if hurting.random.random() < 0.25:
        hurting.pause(0.1, 3.0)
    else:
        hurting.flows(sources)


def _killed(name: Callable[[str], str], sources: Callable[[str], tuple[str, ...]]) -> Callable[[Hurting, int], None]:
    """Make a fault that kills a process of one county, then of the other."""

    def do(hurting: Hurting, turn: int) -> None:
        county = TWO[turn % 2]
        kill(hurting, name(county), sources=sources(county))

    return do


def _stopped(*names: str) -> Callable[[Hurting, int], None]:
    """Make a fault that stops processes in turns for longer than a session, then continues them."""

    def do(hurting: Hurting, turn: int) -> None:
        hurting.pause()
        with stopped(hurting.world.pid(names[turn % len(names)])):
            time.sleep(STOPPED_SECONDS)
        hurting.flows()

    return do


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for a block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def three(hurting: Hurting, _turn: int) -> None:
    """Kill the station, an inbox and a publisher, each while the one before still starts."""
    for name in (STATION, inbox(TWO[0]), publisher(TWO[0])):
        hurting.pause()
        hurting.world.kill(name)
        hurting.world.start(name)
    hurting.flows()


def kill_broker(hurting: Hurting, _turn: int) -> None:
    """Kill the broker, and start it again."""
    hurting.pause(0.5, 2.0)
    hurting.world.kill_broker()
    hurting.world.start_broker()
    hurting.flows()


def lose_disk(hurting: Hurting, _turn: int) -> None:
    """Stop the broker, delete its data, start it anew."""
    time.sleep(2)
    hurting.counting.wire.before_disk_loss(hurting.world)
    hurting.ledger.read()
    hurting.world.stop_broker()
    hurting.world.lose_disk()
    hurting.ledger.disk_lost()
    hurting.world.start_broker()
    hurting.flows()


# -- the desk --


@contextlib.contextmanager
def with_desk(hurting: Hurting) -> Iterator[None]:
    """Run a county's web desk."""
    name = desk(TWO[0])
    hurting.world.start(name)
    hurting.world.wait_ready(name)
    try:
        yield
    finally:
        hurting.world.supervisor.stop(name)


def kill_desk(hurting: Hurting, _turn: int) -> None:
    """Kill the desk, and wait until it answers again."""
    kill(hurting, desk(TWO[0]), sources=(PARTNER[TWO[0]],))
    _answers(hurting)


def stop_desk(hurting: Hurting, turn: int) -> None:
    """Stop the desk, and wait until it answers again."""
    _stopped(desk(TWO[0]))(hurting, turn)
    _answers(hurting)


def _answers(hurting: Hurting) -> None:
    begun = time.monotonic()
    while not _answered(hurting.world):
        if time.monotonic() - begun > DESK_SECONDS:
            hurting.stuck += 1
            hurting.note(f"the desk does not answer after {DESK_SECONDS:.0f} s")
            return
        time.sleep(0.05)


def _answered(world: World) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.desk_port}/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


# -- the closing of a quarter --


@contextlib.contextmanager
def _closing(hurting: Hurting, label: str) -> Iterator[subprocess.Popen[bytes]]:
    """Close a quarter by a process of its own; it has begun to work, and ends with the block."""
    log = hurting.world.log("closing")
    with log.open("ab") as out:
        argv = [sys.executable, "-m", "bench.faults_close", str(hurting.world.home), label]
        process = subprocess.Popen(argv, stdout=out, stderr=out)
    try:
        hurting.pause(0.8, 2.5)  # Python takes the first half second
        yield process
    finally:
        process.kill()
        process.wait()


def kill_closing(hurting: Hurting, _turn: int) -> None:
    """Kill the closing of a quarter at some moment, and run it again, as its timer would."""
    label = hurting.world.next_quarter()
    with _closing(hurting, label) as process:
        if process.poll() is not None:
            hurting.note("some closings were over before they were killed")
    hurting.world.close_quarter(label)


def stop_closing(hurting: Hurting, _turn: int) -> None:
    """Stop the closing at some moment; it ends by itself when it goes on."""
    label = hurting.world.next_quarter()
    with _closing(hurting, label) as process:
        with stopped(process.pid):
            time.sleep(STOPPED_SECONDS)
        if process.wait(CLOSING_SECONDS):
            hurting.note(f"the closing ended with status {process.returncode}, and was run again")
            hurting.world.close_quarter(label)
    hurting.flows()


# -- many at once --


def standbys(hurting: Hurting, _turn: int) -> None:
    """Let a second station join, and leave after a few seconds, in order or killed, again and again."""
    world = hurting.world
    for turn in range(JOINS):
        world.start(STANDBY)
        time.sleep(STANDBY_SECONDS + hurting.random.uniform(0, 2))
        if turn % 2:
            world.kill(STANDBY)
        else:
            world.supervisor.stop(STANDBY)
        hurting.pause(0.1, 1.0)
    hurting.note(f"after the last events flow within {hurting.flows():.1f} s")


def storm(hurting: Hurting, _turn: int) -> None:
    """Kill one of all processes after every thousandth event, until there were a hundred thousand."""
    world, load, begun = hurting.world, hurting.world.load, time.monotonic()
    names = [STATION, LEDGER, BROKER, *(role(county) for county in TWO for role in (inbox, publisher, cosigner))]
    first, kills = len(load.accepted), 0
    load.pace(STORM_RATE, most_awaited=STORM_AWAITED)
    try:
        while (count := len(load.accepted) - first) < STORM_EVENTS or kills < STORM_KILLS:
            time.sleep(0.1)
            if kills < STORM_KILLS and count >= (kills + hurting.random.random()) * STORM_EVENTS / STORM_KILLS:
                kills += 1
                _kill_any(world, hurting.random.choice(names))
    finally:
        load.pace()
    seconds = time.monotonic() - begun
    hurting.note(f"{kills} kills among {count} events in {seconds:.0f} s, {count / seconds:.0f} a second")
    hurting.flows()


def _kill_any(world: World, name: str) -> None:
    if name == BROKER:
        world.kill_broker()
        world.start_broker()
    else:
        world.kill(name)
        world.start(name)


def _own(county: str) -> tuple[str, ...]:
    return (county,)


def _partner(county: str) -> tuple[str, ...]:
    return (PARTNER[county],)


def _stop(what: str, times: int, *names: str) -> Fault:
    return Fault(f"SIGSTOP of {what} for {STOPPED_SECONDS:.0f} s, session 6 s", times, _stopped(*names))


FAULTS: Final = {
    "station_killed": Fault("kill -9 of the station", 10, lambda hurting, _turn: kill(hurting, STATION)),
    "inbox_killed": Fault("kill -9 of a county's inbox, in turns", 10, _killed(inbox, _partner)),
    "publisher_killed": Fault("kill -9 of a county's outbox run, in turns", 10, _killed(publisher, _own)),
    "ledger_killed": Fault("kill -9 of the ledger", 10, lambda hurting, _turn: kill(hurting, LEDGER)),
    "cosigner_killed": Fault("kill -9 of a county's cosigner, in turns", 10, _killed(cosigner, _own)),
    "desk_killed": Fault("kill -9 of a county's web desk", 6, kill_desk, with_desk),
    "closing_killed": Fault("kill -9 of digest close, run again", 8, kill_closing),
    "broker_killed": Fault("kill -9 of the broker", 3, kill_broker),
    "station_stopped": _stop("the station", 2, STATION),
    "inbox_stopped": _stop("a county's inbox", 1, inbox(TWO[0])),
    "publisher_stopped": _stop("a county's outbox run", 1, publisher(TWO[0])),
    "ledger_stopped": _stop("the ledger", 1, LEDGER),
    "cosigner_stopped": _stop("a county's cosigner", 1, cosigner(TWO[0])),
    "desk_stopped": Fault(f"SIGSTOP of a web desk for {STOPPED_SECONDS:.0f} s", 1, stop_desk, with_desk),
    "closing_stopped": Fault(f"SIGSTOP of digest close for {STOPPED_SECONDS:.0f} s", 2, stop_closing),
    "broker_stopped": _stop("the broker", 1, BROKER),
    "broker_disk_lost": Fault("broker stopped, its data deleted, started with topics applied", 1, lose_disk),
    "rebalance_storm": Fault(
        f"a second station joins and leaves {JOINS} times in a minute, every other time by kill -9", 1, standbys
    ),
    "storm": Fault(f"{STORM_EVENTS:,} events, {STORM_KILLS} kills of any process", 1, storm, long=True),
}
SHORT: Final = {"three_killed": Fault("kill -9 of station, inbox and publisher within three seconds", 1, three)}
