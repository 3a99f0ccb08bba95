"""A county's bell: its settings and channels, tests of them, what was rung, and the ringer beside the inbox.

Rule 1: an address in ``bell.toml`` is a secret: nothing returned here holds more of one than its scheme.
Rule 2: before what a partner sealed leaves on a channel, the access log says so; an alarm rings even if it cannot.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from yizhan.consumers.bell.bell_file import BellChannels, BellFile, read_channels
from yizhan.consumers.bell.channels import DELIVERED, ReadyChannel, attempt
from yizhan.consumers.bell.consoles import NOT_OPEN, Console, console_trouble
from yizhan.consumers.bell.labels import rung_name
from yizhan.consumers.bell.message import of_test
from yizhan.consumers.bell.ring_store import RingStore
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.bell.rings import URGENT, Ring, RingObserver, RingOutcome, Try
from yizhan.consumers.bell.settings import FILE, BellSettings, Channel
from yizhan.consumers.inbox import Inbox
from yizhan.runtime.clock import utc_now
from yizhan.schemas.actions import Action
from yizhan.schemas.charter_files import Officer
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import get_language, join_list, marked
from yizhan.schemas.obligation_steps import RUNGS
from yizhan.services.access_log import record, record_if_possible
from yizhan.services.actor import Actor, process_account
from yizhan.services.consoles import consoles_path, list_consoles
from yizhan.services.errors import ServiceError
from yizhan.services.files import write_new
from yizhan.services.home import Home
from yizhan.services.stores import inbox_path

_DATA: Final = files("yizhan.services") / "data"
"""Samples of ``bell.toml``, one a language."""
CONSOLE: Final = "console"
"""The kind of a channel that is made of the open pages of the web desk."""
_SYSTEM_LOG: Final = "logger"
"""The program of the sample's only channel."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One place on the ladder: ``officer`` as the charter has it, ``channels`` as ``bell.toml`` has them."""

    rung: str
    officer: Officer | None
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """How a channel works, by its last tries; ``why`` is the outcome of the last one that failed."""

    name: str
    kind: str
    tells: str
    timeout_seconds: float
    rungs: tuple[str, ...]
    dead: bool
    delivered: datetime | None
    failed: datetime | None
    why: str | None


@dataclass(frozen=True, slots=True)
class BellStatus:
    """How a bell works; ``unheard`` counts the alarms that no channel carried so far."""

    settings: BellSettings
    rungs: tuple[Rung, ...]
    channels: tuple[ChannelStatus, ...]
    unheard: int
    consoles: tuple[Console, ...] = ()
    """The open pages of the web desk, where one of the channels is made of them."""


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """What came of a test message: ``outcome`` is ``delivered``, or why not."""

    name: str
    kind: str
    outcome: str

    @property
    def delivered(self) -> bool:
        """Whether the other side took it."""
        return self.outcome == DELIVERED


def bell_path(home: Home, county: str) -> Path:
    """Return where a county's settings of the bell are."""
    return home.county_folder(county) / FILE


def counties_without_bell(home: Home) -> tuple[str, ...]:
    """Return who receives here and has no ``bell.toml``: alarms received in the background ring nobody there."""
    folders = [each for each in sorted(home.path.glob("counties/*")) if any((each / "keys").glob("seal-*.pem"))]
    return tuple(each.name for each in folders if not (each / FILE).exists())


def rings_nobody(status: BellStatus) -> bool:
    """Tell whether all that a bell does is to write into the system's log, as the sample does until it is edited."""
    used = [each for each in status.channels if each.rungs]
    return bool(used) and all(Path(each.kind).name == _SYSTEM_LOG for each in used)


def write_sample(home: Home, county: str) -> Path:
    """Write a sample ``bell.toml`` that only its owner can read; an existing one is not overwritten."""
    path = bell_path(home, home.member(county))
    if path.exists():
        sentence = marked("已有 {path}，没有改动；请直接改它")
        raise ServiceError(sentence, path=path, hint=Action.to("bell.test", county=county))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sample = (_DATA / f"bell.{get_language()}.toml").read_text("utf-8")
    write_new(str(path), sample.replace("{county}", county).encode(), 0o600)
    return path


def read_bell(home: Home, county: str) -> BellChannels | None:
    """Read ``bell.toml`` and make its channels ready; None where there is none: then only a screen rings, if any.

    Raises:
        SettingError: it cannot be used; the sentence names the place.
    """
    return read_channels(bell_path(home, county))


def _required_bell(home: Home, county: str) -> BellChannels:
    bell = read_bell(home, home.member(county))
    if bell is None:
        sentence = marked("没有 {path}，报警叫不到任何人")
        raise NotFound(sentence, path=bell_path(home, county), hint=Action.to("bell.init", county=county))
    return bell


def ladder(home: Home, county: str, settings: BellSettings) -> tuple[Rung, ...]:
    """Return who stands on each rung, by the charter in force, and how each is reached."""
    officers = home.charter.ladders.get(county, ())
    channels: dict[str, tuple[str, ...]] = {str(rung): names for rung, names in settings.rungs.items()}
    return tuple(
        Rung(rung, officers[place] if place < len(officers) else None, channels.get(rung, ()))
        for place, rung in enumerate(RUNGS)
    )


def bell_status(home: Home, county: str) -> BellStatus:
    """Return the ladder, how each channel works, and how many alarms nobody heard.

    Raises:
        NotFound: there is no ``bell.toml``.
        SettingError: it cannot be used.
    """
    bell = _required_bell(home, county)
    rungs = ladder(home, county, bell.settings)
    with _ring_store(home, county, to_read=True) as store:
        channels = tuple(
            _channel_status(name, channel, rungs, store) for name, channel in bell.settings.channels.items()
        )
        unheard = 0 if store is None else store.unheard()
    used = any(each.console for each in bell.settings.channels.values())
    if used and (trouble := console_trouble(consoles_path(home, county), utc_now())) is not None:
        channels = tuple(
            replace(each, dead=True, why=trouble) if bell.settings.channels[each.name].console else each
            for each in channels
        )
    return BellStatus(bell.settings, rungs, channels, unheard, list_consoles(home, county) if used else ())


def _channel_status(name: str, channel: Channel, rungs: Sequence[Rung], store: RingStore | None) -> ChannelStatus:
    last = None if store is None else store.last(name)
    good = None if store is None else store.last(name, good=True)
    bad = None if store is None else store.last(name, good=False)
    return ChannelStatus(
        name=name,
        kind=_kind(channel),
        tells=channel.tells,
        timeout_seconds=channel.timeout_seconds,
        rungs=tuple(each.rung for each in rungs if name in each.channels),
        dead=last is not None and last == bad and not (channel.console and last.outcome in NOT_OPEN),
        delivered=None if good is None else good.ended,
        failed=None if bad is None else bad.ended,
        why=None if bad is None else bad.outcome,
    )


def _kind(channel: Channel) -> str:
    """Return what may be shown of a channel: the scheme of its address, the program, or that it is the web desk."""
    if channel.console:
        return CONSOLE
    if channel.command is not None:
        return channel.command[0]
    return "" if channel.url is None else channel.url.get_secret_value().partition(":")[0]


def send_test_messages(
    home: Home, county: str, rung: str | None = None, channel: str | None = None
) -> list[ChannelTest]:
    """Send a test message on every channel, those of a rung, or one.

    Raises:
        NotFound: there is no ``bell.toml``, no such channel, or the rung has none.
        SettingError: ``bell.toml`` cannot be used.
    """
    bell = _required_bell(home, county)
    names = _chosen(home, county, bell.settings, rung, channel)
    with _ring_store(home, county) as store:
        return [_tested(home, county, bell.channels[name], store) for name in names]


def _chosen(home: Home, county: str, settings: BellSettings, rung: str | None, channel: str | None) -> list[str]:
    if channel is not None and channel not in settings.channels:
        sentence = marked("bell.toml 里没有通道 {name}；已有的是：{known}")
        raise NotFound(sentence, name=channel, known=join_list(sorted(settings.channels)))
    if rung is None:
        names = list(settings.channels)
    else:
        names = [name for each in ladder(home, county, settings) if each.rung == rung for name in each.channels]
        if not names:
            raise NotFound(marked("{rung}没有通道；请在 bell.toml 的 [rungs] 里写上"), rung=rung_name(rung))
    return [name for name in dict.fromkeys(names) if channel in {None, name}]


def _tested(home: Home, county: str, ready: ReadyChannel, store: RingStore | None) -> ChannelTest:
    at = utc_now()
    if ready.channel.console:  # a page takes no message: it is tested by being open, with sound
        outcome = console_trouble(consoles_path(home, county), at) or DELIVERED
    else:
        outcome = attempt(ready, of_test(ready.name, home.member_name(county)))
    if store is not None:
        store.tested(ready.name, ready.channel.tells, at, utc_now(), outcome)
    return ChannelTest(ready.name, _kind(ready.channel), outcome)


def list_rings(home: Home, county: str, limit: int | None) -> list[tuple[Ring, list[Try]]]:
    """Return the newest rings (None: all), the newest last, each with its tries."""
    with _ring_store(home, county, to_read=True) as store:
        return [] if store is None else store.rings(limit)


def _ring_store(
    home: Home, county: str, *, to_read: bool = False
) -> contextlib.AbstractContextManager[RingStore | None]:
    """Open the bell's rows where there is an inbox."""
    path = inbox_path(home, home.member(county))
    return RingStore(path, county, to_read=to_read) if path.exists() else contextlib.nullcontext()


def make_ringer(home: Home, inbox: Inbox, bell: BellChannels | None, observe: Callable[[RingOutcome], None]) -> Ringer:
    """Make the ringer of an inbox, to be entered once no other process reads it; ``observe`` gets each outcome.

    It reads ``bell.toml`` again when the file appears or changes; without ``bell`` it rings nobody until then.
    """

    def log_access(channel: str, rings: Sequence[Ring]) -> None:
        log = record_if_possible if rings[0].plan.urgency in URGENT else record
        ids = [each.item.id for each in rings if each.item is not None]
        actor = Actor(process_account(), f"bell {channel}")
        log(home, inbox.county, actor, "opened" if len(ids) == 1 else "listed", ids)

    observer = RingObserver(observe, log_access)
    file = BellFile(bell_path(home, inbox.county), read_channels)
    return Ringer(inbox.path, inbox.county, bell, inbox.charters, inbox.clock, observer, file.changed)
