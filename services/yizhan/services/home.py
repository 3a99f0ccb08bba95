"""A home: one folder with everything of an installation, and the names and times that people read.

Rule 1: nothing is opened before it is asked for.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from yizhan.charter.archive import Archive
from yizhan.charter.fetch import CharterFolder, CharterSource
from yizhan.charter.layout import MAX_METADATA_BYTES
from yizhan.charter.reader import CharterReader
from yizhan.runtime.clock import utc_now
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import SOURCE_LANGUAGE, get_language, join_list, marked
from yizhan.schemas.policy_facts import Words
from yizhan.services.errors import ServiceError, UnknownMember

DEFAULT_ZONE: Final = "Asia/Shanghai"
WORKER_LOCK: Final = "worker.lock"
"""Shared by the station and its standbys, in the station's folder."""


class Home:
    """One home folder.

    ``path`` is absolute. ``charter_folder`` is what a reader of the charter keeps: the station's, else the ledger's,
    that of a home that has nothing but a charter, a county's; or the one that is given.
    """

    def __init__(self, path: Path, *, charter_folder: Path | None = None) -> None:
        """Name the folder; nothing is opened."""
        self.path = path.expanduser().absolute()
        self.charter_folder = charter_folder or self._found()
        self._readers: dict[str, CharterReader] = {}

    def _found(self) -> Path:
        """Return the first folder of a reader in this home that holds a version."""
        station = self.path / "station" / "charter"
        others = [self.path / "ledger" / "charter", self.path / "charter"]
        folders = [station, *others, *sorted((self.path / "counties").glob("*/charter"))]
        return next((folder for folder in folders if (folder / "versions").is_dir()), station)

    @cached_property
    def settings(self) -> Settings:
        """The home's settings (``SettingError`` names one that cannot be used)."""
        return Settings.load(self.path)

    @cached_property
    def charters(self) -> CharterReader:
        """The home's charters (``CharterInvalid`` where there is none)."""
        return self.reader(self.charter_folder)

    def reader(self, folder: Path, source: CharterSource | None = None) -> CharterReader:
        """Open what a reader keeps, with a source of new versions for what runs for long."""
        archive = Archive(folder)
        if not archive.anchor_path.is_file():
            raise ServiceError(
                marked("{folder} 里没有章程；请改用有章程的主目录，或先建立章程"),
                folder=folder,
                hint=Action.to("sample.init"),
            )
        return CharterReader(archive, source, utc_now)

    def reader_of(self, code: str, *, online: bool = False) -> CharterReader:
        """Return a county's own reader; ``online`` a new one, to follow the charter while running."""
        folder = self.county_folder(code) / "charter"
        if not online:
            if code not in self._readers:
                # A home that only reads a county's books may have nothing but a charter of somebody else's.
                own = (folder / "root.json").is_file()
                self._readers[code] = self.reader(folder) if own else self.charters
            return self._readers[code]
        return self.reader(folder, self.charter_source(topics.county(code)))

    def charter_source(self, principal: str) -> CharterSource:
        """Return where a principal finds new versions: the folder that the settings name, else the topic."""
        folder = self.settings.charter_folder
        if folder is not None:
            return CharterFolder(self.path / folder, MAX_METADATA_BYTES)
        from yizhan.charter.topic import TopicSource  # noqa: PLC0415 -- Kafka, which only a role's extra brings

        return TopicSource(self.settings.connection(principal))

    @cached_property
    def charter(self) -> Charter:
        """The charter in force now."""
        return self.charters.in_force(utc_now())

    def member(self, code: str) -> str:
        """Return the code of a member as it is (``UnknownMember`` for any other)."""
        if code not in self.charters.latest().members:
            raise UnknownMember(
                marked("{code} 不是章程 {charter} 的成员；成员是：{members}"),
                code=code,
                charter=self.charters.latest().name,
                members=join_list(self.member_name(each) for each in sorted(self.charters.latest().members)),
            )
        return code

    def county_folder(self, code: str) -> Path:
        """Return the folder of one county, which need not be there."""
        return self.path / "counties" / code

    # -- names for people --

    def localized(self, text: Words) -> str:
        """Return a text of the charter in the language of this request."""
        return text.zh if get_language() == SOURCE_LANGUAGE else text.en

    def member_name(self, code: str) -> str:
        """Return a member's name beside its code: ``350924 寿宁县``."""
        member = self.charters.latest().members.get(code[:6])
        return code if member is None else f"{code} {self.localized(member.name)}"

    def local_time(self, moment: datetime | str | None) -> str:
        """Write an instant in the alliance's time zone, to the second; empty for None."""
        if moment is None:
            return ""
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    @cached_property
    def zone(self) -> ZoneInfo:
        """The alliance's time zone; China's where there is no charter."""
        try:
            return ZoneInfo(self.charter.time_zone)
        except YizhanError:
            return ZoneInfo(DEFAULT_ZONE)
