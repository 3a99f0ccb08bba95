"""The charter at the command line: where readers and the station keep it, and how they are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from yizhan.charter import rolekeys
from yizhan.charter.archive import Archive
from yizhan.charter.fetch import FolderSource
from yizhan.charter.layout import MAX_METADATA_BYTES, TIMESTAMP
from yizhan.charter.station import StationCharters
from yizhan.charter.topic import TopicSource, write
from yizhan.cli.app import utc_now
from yizhan.cli.errors import CommandError
from yizhan.cli.words import _
from yizhan.schemas import topics

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from yizhan.cli.app import App
    from yizhan.cli.keyring import Lock
    from yizhan.runtime.connection import KafkaConnection
    from yizhan.schemas.keys import SigningKey

STATION: Final = "station"


def public_folder(app: App) -> Path:
    """Return the folder of static files that the station publishes."""
    return app.home / STATION / "public"


def roles_folder(app: App, owner: str) -> Path:
    """Return where an owner's private role keys are: a member code, or ``station``."""
    return (app.home / STATION if owner == STATION else app.county_folder(owner)) / "roles"


def published(app: App) -> FolderSource:
    """Return what the station published."""
    return FolderSource(public_folder(app), MAX_METADATA_BYTES)


def role_keys(folder: Path, lock: Lock, office: str = "*") -> dict[Path, CryptoSigner]:
    """Load the private role keys of a folder, file → key; of one office or all."""
    found = {}
    for path in sorted(folder.glob(f"{office}-*.pem")):
        locked = b"ENCRYPTED" in path.read_bytes()[:200]
        found[path] = rolekeys.load(path, lock.passphrase(path) if locked else None)
    return found


class TopicOutlet:
    """The station's way to ``yizhan.charter`` and ``yizhan.audit``."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Name the connection; it is made when something is written."""
        self._connection = connection

    def there(self) -> Mapping[str, bytes]:
        """Return what the topic holds, path → bytes."""
        source = TopicSource(self._connection)
        try:
            source.update()
            return dict(source.files())
        finally:
            source.close()

    def write(self, records: Sequence[tuple[str, str, bytes]], timeout_seconds: float) -> None:
        """Write records in order; return when each was acknowledged."""
        write(self._connection, records, timeout_seconds)


def station_charters(app: App, keys: Sequence[SigningKey], lock: Lock) -> StationCharters:
    """Open the station's charters: it announces what was published, and keeps the topic in step.

    Raises:
        CharterInvalid: there is no charter, or an announcement could not be made.
    """
    archive = Archive(app.home / STATION / "charter")
    if not archive.anchor_path.is_file():
        sentence = _("{folder} 里没有章程；请用 --home 指到主目录，或先建立章程（示例：yizhan sample init）")
        raise CommandError(sentence.format(folder=archive.folder))
    return StationCharters(
        archive,
        published(app),
        keys,
        TopicOutlet(app.settings.connection(topics.STATION)),
        public=public_folder(app),
        signers=tuple(role_keys(roles_folder(app, STATION), lock, TIMESTAMP).values()),
        lead_seconds=app.settings.charter_lead_seconds,
        clock=utc_now,
    )
