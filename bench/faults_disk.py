"""Faults of the disk: full at a county, at the station, at the ledger, at the broker.

Each lies on a small disk of its own, a tmpfs, in a world of their own. It is filled with a file, to the last byte and
again as soon as something is free, and that file is removed after a while. Needs the right to mount.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.faults_run import Fault, NotPossibleError
from bench.faults_world import KEEP, World, world
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.faults_run import Hurting

FULL_SECONDS: Final = 20.0
_COUNTY: Final = f"counties/{TWO[0]}"
_BROKER: Final = "broker/data"
_SIZES_MIB: Final = {_COUNTY: 96, "station": 96, "ledger": 96, _BROKER: 512}
_BALLAST: Final = "ballast"
_CHUNK: Final = bytes(64 << 10)
_PAGE: Final = bytes(4 << 10)


@contextlib.contextmanager
def small_disks(rate: float) -> Iterator[World]:
    """Bring up a world whose county, station, ledger and broker each have a small disk."""
    mounted, homes = list[Path](), list[Path]()

    def prepare(home: Path) -> None:
        homes.append(home)
        for name, size in _SIZES_MIB.items():
            mount(home / name, size)
            mounted.append(home / name)

    def unmount() -> None:
        for path in mounted:
            subprocess.run(["umount", "--lazy", str(path)], check=False)
        for home in homes:  # what was mounted in it could not be removed before
            if not (home / KEEP).exists():
                shutil.rmtree(home, ignore_errors=True)

    with contextlib.ExitStack() as stack:
        stack.callback(unmount)
        yield stack.enter_context(world(rate, prepare))


def mount(folder: Path, size_mib: int) -> None:
    """Put a small disk at a folder, with all that is in it.

    Raises:
        NotPossibleError: this system does not let us.
    """
    before = folder.with_name(folder.name + ".before")
    folder.mkdir(parents=True, exist_ok=True)
    folder.rename(before)
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        message = f"no small disk: {done.stderr.strip()}"
        raise NotPossibleError(message)
    shutil.copytree(before, folder, dirs_exist_ok=True)
    shutil.rmtree(before)


def fill(folder: Path) -> None:
    """Fill the disk to the last page."""
    with (folder / _BALLAST).open("ab", buffering=0) as file:
        for piece in (_CHUNK, _PAGE):
            with contextlib.suppress(OSError):
                while file.write(piece) == len(piece):
                    pass


def free(folder: Path) -> None:
    """Make room again."""
    (folder / _BALLAST).unlink()


def full(hurting: Hurting, _turn: int, name: str) -> None:
    """Keep a disk full for a while, then make room, and wait until events flow."""
    world, load = hurting.world, hurting.world.load
    hurting.pause()
    folder, refused, before = world.home / name, len(load.refused), _starts(world)
    deadline = time.monotonic() + FULL_SECONDS
    while time.monotonic() < deadline:
        fill(folder)
        time.sleep(0.1)
    ended = [each for each, starts in _starts(world).items() if starts > before[each]]
    told = load.refused[refused:]
    free(folder)
    if name == _BROKER:
        hurting.note("the broker ended" if world.broker.pid() is None else "the broker went on")
        world.start_broker()
    took = hurting.flows()
    hurting.note(f"with room again events flow within {took:.1f} s")
    if told:
        hurting.note(f"refused at the outbox: {len(told)}, “{told[-1].replace(f'{world.home}/', '')}”")
    if ended:
        hurting.note(f"ended and were started again: {', '.join(ended)}")


def _starts(world: World) -> dict[str, int]:
    return {name: world.supervisor.starts(name) for name in world.supervisor.names()}


def _fault(whose: str, name: str) -> Fault:
    what = f"disk of {whose} full for {FULL_SECONDS:.0f} s"
    return Fault(what, 1, partial(full, name=name), world=small_disks)


FAULTS: Final = {
    "county_disk_full": _fault("a county (outbox and inbox)", _COUNTY),
    "station_disk_full": _fault("the station", "station"),
    "ledger_disk_full": _fault("the ledger", "ledger"),
    "broker_disk_full": _fault("the broker", _BROKER),
}
