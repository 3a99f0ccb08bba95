"""A county's stores, opened: inbox, outbox, drafts; to write, to read, or to try something out.

Rule 1: a reader needs no key and changes nothing: no file is created, no epoch opened, no schema migrated.
Rule 2: where there is no store yet, a reader gets None.
Rule 3: what is tried out goes into a copy that is thrown away, under a key that nobody knows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from yizhan.charter.reader import CharterReader
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.view import InboxView
from yizhan.producers.draft_store import FILE as DRAFTS_FILE
from yizhan.producers.draft_store import DraftStore, DraftsView
from yizhan.producers.outbox import Outbox, OutboxOptions
from yizhan.producers.outbox_view import OutboxView
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import AdoptedCharters, Charter, RegisteredKey
from yizhan.schemas.errors import NotFound
from yizhan.schemas.header import Ref
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, Signer, sealing_keys

INBOX_FILE: Final = "inbox.sqlite3"
OUTBOX_FILE: Final = "outbox.sqlite3"
_SCRATCH: Final = ".explain-"
_SCRATCH_SECONDS: Final = 3600.0
"""A folder for trying out that is older than this was left by a process that was killed."""

OwnObligations = Callable[[InboxView, datetime], Iterable[tuple[str, str, bool]]]
"""Yields, for the metrics, what a county tracks without the station: rule, ``ours`` or ``theirs``, overdue."""


def inbox_path(home: Home, county: str) -> Path:
    """Return where a county's inbox is."""
    return home.county_folder(county) / INBOX_FILE


def outbox_path(home: Home, county: str) -> Path:
    """Return where a county's outbox is."""
    return home.county_folder(county) / OUTBOX_FILE


def drafts_path(home: Home, county: str) -> Path:
    """Return where a county's drafts are."""
    return home.county_folder(county) / DRAFTS_FILE


def queue_wakeup(home: Home, county: str) -> Path:
    """Return where the sending process of a county is told that a draft is queued."""
    path = drafts_path(home, county)
    return path.with_name(path.name + ".nudge")


# -- to read --


@contextlib.contextmanager
def read_inbox(home: Home, county: str) -> Iterator[InboxView | None]:
    """Open a county's inbox to read; None where there is none yet."""
    home.member(county)
    path = inbox_path(home, county)
    if not path.exists():
        yield None
        return
    with InboxView(path, county, home.reader_of(county)) as inbox:
        yield inbox


@contextlib.contextmanager
def read_outbox(home: Home, county: str) -> Iterator[OutboxView | None]:
    """Open a county's outbox to read; None where there is none yet."""
    home.member(county)
    path = outbox_path(home, county)
    if not path.exists():
        yield None
        return
    with OutboxView(path, county, home.reader_of(county)) as outbox:
        yield outbox


@contextlib.contextmanager
def read_drafts(home: Home, county: str) -> Iterator[DraftsView | None]:
    """Open a county's drafts to read; None where there are none yet."""
    home.member(county)
    path = drafts_path(home, county)
    if not path.exists():
        yield None
        return
    with DraftsView(path, county) as drafts:
        yield drafts


# -- to write --


@contextlib.contextmanager
def open_inbox(
    home: Home,
    county: str,
    passphrases: PassphraseSource,
    charters: CharterReader | None = None,
    *,
    outbox: Outbox | None = None,
    own_obligations: OwnObligations | None = None,
) -> Iterator[Inbox]:
    """Open a county's inbox to receive and to answer.

    Its receipts leave through ``outbox``, the county's own, which is opened if it is not given.

    Raises:
        NoKey: the signing or the sealing key is missing.
        StoreError, WrongInbox, WrongOutbox: as the two.
    """
    home.member(county)
    folder = home.county_folder(county) / "keys"
    known = charters or home.reader_of(county)

    def keys() -> tuple[SealingKey, ...]:
        return sealing_keys(folder, county, (known.latest(), known.in_force(utc_now())), passphrases)

    with contextlib.ExitStack() as opened:
        port = outbox or opened.enter_context(open_outbox(home, county, passphrases, known))
        inbox = Inbox(
            inbox_path(home, county), county, keys, known, outbox=port,
            own_obligations=own_obligations or (lambda _inbox, _now: ()),
        )  # fmt: skip
        yield opened.enter_context(inbox)


@contextlib.contextmanager
def open_answers(home: Home, county: str) -> Iterator[Inbox]:
    """Open a county's inbox to enter answers, without a key: ``inbox run`` sends them.

    Raises:
        NotFound: there is no inbox yet.
        StoreError, WrongInbox: as ``Inbox``.
    """
    home.member(county)
    if not inbox_path(home, county).exists():
        hint = Action.to("inbox.run", county=county)
        raise NotFound(marked("{county} 还没有收件箱"), county=home.member_name(county), hint=hint)
    with Inbox(inbox_path(home, county), county, (), home.reader_of(county)) as inbox:
        yield inbox


def open_outbox(
    home: Home, county: str, passphrases: PassphraseSource, charters: CharterReader | None = None
) -> Outbox:
    """Open a county's outbox to write; the caller closes it. ``charters`` is the county's own reader if None.

    Raises:
        NoKey: there is no signing key that the charter names.
        StoreError, WrongOutbox: as ``Outbox``.
    """
    home.member(county)
    charters = charters or home.reader_of(county)
    signer = Signer(home.county_folder(county) / "keys", county, passphrases)
    signer(charters.in_force(utc_now()), utc_now())
    options = OutboxOptions(
        files_patience_seconds=home.settings.files_overdue_seconds / 3,
        was_received=lambda ref: _was_received(home, county, ref),
    )
    return Outbox(outbox_path(home, county), county, signer, charters, options=options)


def _was_received(home: Home, county: str, ref: Ref) -> bool:
    """Return whether an event is in the county's inbox; where there is no inbox, the sender's claim is believed."""
    with read_inbox(home, county) as inbox:
        item = None if inbox is None else inbox.item(ref.id)
        return inbox is None or (item is not None and item.hash.hex() == ref.hash)


def open_drafts(home: Home, county: str) -> DraftStore:
    """Open a county's drafts to write; the caller closes them."""
    home.member(county)
    return DraftStore(drafts_path(home, county), county)


# -- to try out --


@contextlib.contextmanager
def scratch_outbox(home: Home, county: str, charter: Charter, at: datetime) -> Iterator[Outbox]:
    """Open a copy of a county's outbox, or an empty one; what is written into it is thrown away.

    Raises:
        StoreError: the outbox is there and cannot be copied.
    """
    key = SigningKey.generate()
    own = {**charter.signing.get(county, {}), key.kid: RegisteredKey(key.public, at, None, None)}
    with_key = dataclasses.replace(charter, signing={**charter.signing, county: own})
    folder = home.county_folder(county)
    for left in folder.glob(f"{_SCRATCH}*"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > _SCRATCH_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    place = folder if os.access(folder, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=place) as temporary:
        path = Path(temporary) / OUTBOX_FILE
        _copy(outbox_path(home, county), path)
        with Outbox(path, county, key, AdoptedCharters([with_key]), clock=lambda: at) as outbox:
            yield outbox


def _copy(source: Path, target: Path) -> None:
    """Copy an outbox as it stands, while others may be writing."""
    if not source.exists():
        return
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            # The copy is no restored backup: without this it would open a new epoch, and log that.
            status = target.stat()
            new.execute("UPDATE life SET device = ?, inode = ?", (status.st_dev, status.st_ino))
            new.commit()
    except sqlite3.Error as error:
        raise StoreError(f"{source}: {error}") from error
