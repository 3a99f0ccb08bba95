"""What a command works with: the home, its settings, its charters, the clock, names for people.

Rule 1: nothing is opened before a command asks for it.
Rule 2: the only clock of the command line is here.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from yizhan.cli import words
from yizhan.cli.words import _

if TYPE_CHECKING:
    from yizhan.charter.fetch import Source
    from yizhan.charter.reader import CharterReader
    from yizhan.runtime.settings import Settings
    from yizhan.schemas.charter import Charter

DEFAULT_ZONE = "Asia/Shanghai"


def utc_now() -> datetime:
    """Read the clock of this machine."""
    return datetime.now(UTC)


class App:
    """One run of the command line.

    ``home`` is absolute; ``charter_folder`` is what a reader of the charter keeps: the station's, else
    the ledger's, that of a home that has nothing but a charter, a county's; or another one where a
    command was told so.
    """

    def __init__(self, home: Path, *, debug: bool = False, charter_folder: Path | None = None) -> None:
        """Name them; nothing is opened."""
        self.home = home.expanduser().absolute()
        self.debug = debug
        self.charter_folder = charter_folder or self._found()

    def _found(self) -> Path:
        """Return the first folder of a reader in this home that holds a version."""
        station = self.home / "station" / "charter"
        alone = [self.home / "ledger" / "charter", self.home / "charter"]
        folders = [station, *alone, *sorted((self.home / "counties").glob("*/charter"))]
        return next((folder for folder in folders if (folder / "versions").is_dir()), station)

    @cached_property
    def settings(self) -> Settings:
        """The home's settings (``SettingError`` names one that cannot be used)."""
        from yizhan.runtime.settings import Settings

        return Settings.load(self.home)

    @cached_property
    def charters(self) -> CharterReader:
        """The home's charters (``CharterInvalid`` where there is none)."""
        return self.reader(self.charter_folder)

    def reader(self, folder: Path, source: Source | None = None) -> CharterReader:
        """Open what a reader keeps, with a source of news for what runs for long."""
        from yizhan.charter.archive import Archive
        from yizhan.charter.reader import CharterReader
        from yizhan.cli.errors import CommandError

        archive = Archive(folder)
        if not archive.anchor_path.is_file():
            sentence = _("{folder} 里没有章程；请用 --home 指到主目录，或先建立章程（示例：yizhan sample init）")
            raise CommandError(sentence.format(folder=folder))
        return CharterReader(archive, source, utc_now)

    def reader_of(self, code: str, *, online: bool = False) -> CharterReader:
        """Return a county's own reader; ``online`` to follow the charter while running."""
        from yizhan.schemas import topics

        folder = self.county_folder(code) / "charter"
        if not online:
            # A home that only reads a county's books may have nothing but a charter of somebody else's.
            return self.reader(folder) if (folder / "root.json").is_file() else self.charters
        return self.reader(folder, self.news(topics.county(code)))

    def news(self, principal: str) -> Source:
        """Return where a principal finds new versions: the folder that the settings name, else the topic."""
        from yizhan.charter.fetch import FolderSource
        from yizhan.charter.layout import MAX_METADATA_BYTES
        from yizhan.charter.topic import TopicSource

        folder = self.settings.charter_folder
        if folder is not None:
            return FolderSource(self.home / folder, MAX_METADATA_BYTES)
        return TopicSource(self.settings.connection(principal))

    @cached_property
    def charter(self) -> Charter:
        """The charter in force now."""
        return self.charters.in_force(utc_now())

    def member(self, code: str) -> str:
        """Return the code of a member as it is (``CommandError`` for one that is none)."""
        from yizhan.cli.errors import CommandError

        if code not in self.charters.latest().members:
            sentence = _("{code} 不是章程 {charter} 的成员；成员是：{members}")
            members = words.listed(self.named(each) for each in sorted(self.charters.latest().members))
            raise CommandError(sentence.format(code=code, charter=self.charters.latest().name, members=members))
        return code

    def county_folder(self, code: str) -> Path:
        """Return the folder of one county, which need not be there."""
        return self.home / "counties" / code

    def stale(self, reader: CharterReader) -> bool:
        """Tell on the screen when a reader's charter is stale; whether it is."""
        from yizhan.cli.output import say

        standing = reader.standing()
        if not standing.stale(utc_now()):
            return False
        sentence = _("章程未能更新（charter_stale：{problem}），仍按最后一版 {name} 办理：{detail}")
        say(sentence.format(problem=standing.problem, name=reader.latest().name, detail=standing.detail))
        return True

    # -- names for people --

    def said(self, text: Any) -> str:  # noqa: ANN401 -- yizhan.schemas.policy.Words, which is imported late
        """Return a text that the charter has in both languages."""
        return str(text.zh if words.language() == words.CHINESE else text.en)

    def named(self, code: str) -> str:
        """Return a member's name beside its code: ``350924 寿宁县``."""
        member = self.charters.latest().members.get(code[:6])
        return code if member is None else f"{code} {self.said(member.name)}"

    def local(self, moment: datetime | str | None) -> str:
        """Write an instant in the alliance's time zone, to the second; empty for None."""
        if moment is None:
            return ""
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    @cached_property
    def _zone(self) -> ZoneInfo:
        from yizhan.schemas.errors import YizhanError

        try:
            return ZoneInfo(self.charter.time_zone)
        except YizhanError:
            return ZoneInfo(DEFAULT_ZONE)


def this() -> App:
    """Return the App of the command that runs."""
    ctx = click.get_current_context()
    root = ctx.find_root()
    if not isinstance(root.obj, App):
        given: dict[str, Any] = ctx.obj if isinstance(ctx.obj, dict) else {}
        root.obj = App(Path(given.get("home") or words.DEFAULT_HOME), debug=bool(given.get("debug")))
        _log(debug=root.obj.debug)
    return root.obj


def _log(*, debug: bool) -> None:
    """Let libraries speak only to engineers; a process that runs for long asks for more."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.CRITICAL,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def log_aloud(*, debug: bool) -> None:
    """Tell on stderr what a long-running process meets."""
    logging.getLogger().setLevel(logging.DEBUG if debug else logging.INFO)
    # kafka-python tells every attempt at a broker that is away as an error; we say it once (yizhan.runtime.away).
    for noisy, level in (("kafka", logging.CRITICAL), ("aiokafka", logging.ERROR), ("asyncio", logging.ERROR)):
        logging.getLogger(noisy).setLevel(logging.INFO if debug else level)
