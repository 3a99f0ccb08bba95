"""A county's outbox at the command line: opened to write, to look, or to try something out.

Rule 1: whoever only looks needs no key, and makes no file.
Rule 2: what is tried out goes into a copy that is thrown away, under a key that nobody knows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yizhan.producers.outbox import Outbox
from yizhan.runtime.clock import utc_now
from yizhan.schemas.charter import AdoptedCharters, Charter, RegisteredKey
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.i18n import _
from yizhan.schemas.keys import SigningKey
from yizhan.services.keys import PassphraseSource, Signer
from yizhan.services.labels import arrival

if TYPE_CHECKING:
    from yizhan.charter.reader import CharterReader
    from yizhan.producers.numbering import Accepted
    from yizhan.producers.queries import OutboxQuery, Posting
    from yizhan.schemas.header import Ref
    from yizhan.services.home import Home

FILE = "outbox.sqlite3"


def outbox_path(home: Home, county: str) -> Path:
    """Where a county's outbox is."""
    return home.county_folder(county) / FILE


def open_outbox(home: Home, county: str, lock: PassphraseSource, charters: CharterReader | None = None) -> Outbox:
    """Open a county's outbox to write; the caller closes it. ``charters`` is the county's own reader if None.

    Raises:
        NoKey: there is no signing key that the charter names.
        StoreError, WrongOutbox: as ``Outbox``.
    """
    home.member(county)
    charters = charters or home.reader_of(county)
    signer = Signer(home.county_folder(county) / "keys", county, lock)
    signer(charters.in_force(utc_now()), utc_now())
    outbox = Outbox(outbox_path(home, county), county, signer, charters)
    outbox.files_patience_seconds = home.settings.files_overdue_seconds / 3
    outbox.came = lambda ref: _came(home, county, ref)
    return outbox


def _came(home: Home, county: str, ref: Ref) -> bool:
    """Tell whether an event is in the county's inbox; where there is no inbox, its sender is believed."""
    from yizhan.services import inbox as inboxes

    with inboxes.read_inbox(home, county) as inbox:
        item = None if inbox is None else inbox.item(ref.id)
        return inbox is None or (item is not None and item.hash.hex() == ref.hash)


@contextlib.contextmanager
def read_outbox(home: Home, county: str) -> Iterator[Outbox | None]:
    """Open a county's outbox to look; None where there is none yet."""
    home.member(county)
    path = outbox_path(home, county)
    if not path.exists():
        yield None
        return
    with Outbox(path, county, SigningKey.generate(), home.reader_of(county)) as outbox:
        yield outbox


def newest_postings(outbox: Outbox, query: OutboxQuery, events: int, *, plain: bool) -> list[Posting]:
    """List the postings of the newest events (0: of all), the newest last; ``plain`` leaves out the system's own.

    An outbox has many more receipts than events, so it is read further back until there are enough.
    """
    reach = events
    while True:
        found = outbox.postings(dataclasses.replace(query, limit=reach or None))
        kept = [each for each in found if not (plain and each.type in {RECEIPT, NOTICE})]
        ids = list(dict.fromkeys(each.id for each in kept))
        if not events or len(ids) >= events or len({each.id for each in found}) < reach:
            wanted = set(ids[-events:] if events else ids)
            return [each for each in kept if each.id in wanted]
        reach *= 4


@contextlib.contextmanager
def trying_out(home: Home, county: str, charter: Charter, at: datetime) -> Iterator[Outbox]:
    """Open a copy of a county's outbox, or an empty one, in which nothing that is written leads anywhere."""
    key = SigningKey.generate()
    own = {**charter.signing.get(county, {}), key.kid: RegisteredKey(key.public, at, None, None)}
    shown = dataclasses.replace(charter, signing={**charter.signing, county: own})
    here = home.county_folder(county)
    with tempfile.TemporaryDirectory(prefix=".explain-", dir=here if here.is_dir() else None) as folder:
        path = Path(folder) / FILE
        _copy(outbox_path(home, county), path)
        with Outbox(path, county, key, AdoptedCharters([shown]), clock=lambda: at) as outbox:
            yield outbox


def _copy(source: Path, target: Path) -> None:
    """Copy an outbox as it stands, while others may be writing; one that cannot be read is left out."""
    if not source.exists():
        return
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            # The copy is no restored backup: without this it would open a new book, and say so aloud.
            status = target.stat()
            new.execute("UPDATE life SET device = ?, inode = ?", (status.st_dev, status.st_ino))
            new.commit()
    except sqlite3.Error:
        target.unlink()


def accepted_lines(home: Home, sent: Accepted) -> list[str]:
    """Tell what was accepted: its id, and how it reaches whom by which rule."""
    first = sent.id
    if sent.duplicate:
        first += " " + (
            _("（以前已发过，内容不同的这一份没有再发）") if sent.differs else _("（以前已发过，没有再发）")
        )
    lines = [first]
    if sent.clock_suspect:
        lines.append(_("  获知时间在未来；火情和灾害照收，注明存疑。请核对所填的 time 和本机时钟"))
    for code, made in sent.decisions.items():
        sentence = _("  → {member}：{arrival}（规则 {rule}：{because}）")
        lines.append(
            sentence.format(
                member=home.member_name(code),
                arrival=arrival(made.way),
                rule=made.rule,
                because=home.localized(made.because),
            )
        )
    return lines


def files_wait(trouble: str) -> str:
    """Say that files cannot go, and that nothing is lost."""
    return _("附件暂时送不出：{trouble}。文书照送；附件已密封在本县，问题解决后自动送出").format(trouble=trouble)


def accepted_json(sent: Accepted) -> dict[str, Any]:
    """Return what was accepted, for programs."""
    return {
        "id": sent.id,
        "hash": sent.hash.hex(),
        "to": list(sent.to),
        "duplicate": sent.duplicate,
        "differs": sent.differs,
        "clock_suspect": sent.clock_suspect,
        "decisions": {
            code: {"way": made.way.value, "rule": made.rule, "because": {"zh": made.because.zh, "en": made.because.en}}
            for code, made in sent.decisions.items()
        },
    }
