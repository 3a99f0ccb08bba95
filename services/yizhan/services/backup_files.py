"""Which files of a home go into a backup, in which order, and which are left out and why.

Rule 1: everything goes in but what is named here: a file that is new in a later version is not forgotten.
Rule 2: drafts before the outbox, so that a draft which is sent meanwhile is in both, and the outbox knows it; the inbox
        before the outbox that sends its receipts; the outbox before its files; what the log has published before the
        statements, and these before the checkpoint, so that a copy of a ledger that runs never goes on by itself.
Rule 3: what is only made for a running process (locks, sockets, pids, logs of processes) is no data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.bulletin.text_store import FILE as TEXTS_FILE
from yizhan.consumers.bell.consoles import FILE as CONSOLES_FILE
from yizhan.consumers.view import LOCK as READER_LOCK
from yizhan.ledger.checkpoint_store import FILE as CHECKPOINT_FILE
from yizhan.ledger.log import PUBLIC as LOG_FOLDER
from yizhan.ledger.log_source import CHECKPOINT, FINAL
from yizhan.ledger.mirror import FILE as COSIGNER_FILE
from yizhan.ledger.statements import FILE as STATEMENTS_FILE
from yizhan.producers.draft_store import FILE as DRAFTS_FILE
from yizhan.producers.files import FOLDER as FILES_SUFFIX
from yizhan.producers.outbox_view import LOCK as PUBLISHER_LOCK
from yizhan.runtime.access_log import FILE as ACCESS_FILE
from yizhan.runtime.store_copy import SIDE_FILES
from yizhan.schemas.backup_list import FileKind, LeftOut, Scope, Why
from yizhan.schemas.topics import STATION, county
from yizhan.services.home import Home
from yizhan.services.ledger import FOLDER as LEDGER_FOLDER
from yizhan.services.processes import DESK_FILE
from yizhan.services.searching import FILE as SEARCH_FILE
from yizhan.services.stores import INBOX_FILE, OUTBOX_FILE
from yizhan.services.uploads import FOLDER as UPLOADS_FOLDER

CHARTER: Final = "charter"
STORE_SUFFIX: Final = ".sqlite3"
_CLOSING_FILE: Final = "closing.sqlite3"
_TLS: Final = "tls"
_KEY_FOLDERS: Final = frozenset({"keys", "roles", _TLS})
_KEPT_FOLDERS: Final = frozenset({CHARTER, "public", LOG_FOLDER, OUTBOX_FILE + FILES_SUFFIX, *_KEY_FOLDERS})
"""Their files are added where they are missing, and never replaced: each name has one content."""
_LEFT_OUT: Final[dict[str, Why]] = {
    SEARCH_FILE: "rebuilt",
    CONSOLES_FILE: "rebuilt",
    _CLOSING_FILE: "rebuilt",
    INBOX_FILE + FILES_SUFFIX: "fetched_again",
    f"{LEDGER_FOLDER}/{LOG_FOLDER}": "rebuilt",
}
_NO_DATA: Final = (".lock", READER_LOCK, PUBLISHER_LOCK, ".head", ".nudge", ".stopped", ".part", *SIDE_FILES)
_ORDER: Final = (
    CHARTER, "public", DRAFTS_FILE, UPLOADS_FOLDER, DESK_FILE, TEXTS_FILE, INBOX_FILE, OUTBOX_FILE,
    OUTBOX_FILE + FILES_SUFFIX, LOG_FOLDER, STATEMENTS_FILE, CHECKPOINT_FILE, COSIGNER_FILE, "", ACCESS_FILE,
    *sorted(_KEY_FOLDERS),
)  # fmt: skip
"""By a part of the path; "" stands for all others."""
_SETTINGS: Final = (".toml", ".json", ".geojson")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that is to be copied; ``name`` is its path in the home, ``bytes`` its size now."""

    path: Path
    name: str
    kind: FileKind
    bytes: int


def scope_folders(home: Home, scope: Scope, code: str | None) -> list[str]:
    """Return the folders of a scope, as paths in the home; they need not be there."""
    ours = sorted(path.name for path in home.path.glob("counties/*") if path.is_dir())
    counties = [f"counties/{each}" for each in (ours if scope == "home" else [code] if code is not None else [])]
    if scope == "county":
        return [*counties, f"{_TLS}/{county(code or '')}"]
    return [STATION, LEDGER_FOLDER, CHARTER, *counties, _TLS]


def list_files(
    home: Home, scope: Scope, code: str | None, *, keys: bool
) -> tuple[tuple[PlannedFile, ...], tuple[LeftOut, ...]]:
    """List what is to be copied, in the order of copying, and what is left out."""
    left: dict[str, Why] = {}
    paths = _settings(home)
    for folder in scope_folders(home, scope, code):
        paths += _walk(home, home.path / folder, left, keys=keys)
    if scope != "county":  # of the log itself what it has published: the rest is made again, and compared with that
        paths += [home.path / LEDGER_FOLDER / LOG_FOLDER / name for name in (CHECKPOINT, FINAL)]
    found = [each for path in paths if (each := _planned(home, path)) is not None]
    if scope != "county" and any(home.path.glob("broker*")):
        left |= {path.name: "broker_runs" for path in home.path.glob("broker*") if path.is_dir()}
    found.sort(key=_rank)
    return tuple(found), tuple(LeftOut(path=name, why=why) for name, why in sorted(left.items()))


def lock_files(home: Home, folders: list[str]) -> Iterator[Path]:
    """Yield the locks of processes that use stores below some folders of a home."""
    for folder in folders:
        path = home.path / folder
        if path.is_dir() and path.parent.name != _TLS and folder != CHARTER:
            endings = (".lock", READER_LOCK, PUBLISHER_LOCK)
            yield from sorted(each for each in path.iterdir() if each.name.endswith(endings) and each.is_file())


def _settings(home: Home) -> list[Path]:
    return sorted(each for each in home.path.glob("*") if each.is_file() and each.suffix in _SETTINGS)


def _walk(home: Home, folder: Path, left: dict[str, Why], *, keys: bool) -> Iterator[Path]:
    for top, folders, files in os.walk(folder, followlinks=True):
        here = Path(top)
        name = here.relative_to(home.path).as_posix()
        if not keys and _KEY_FOLDERS.intersection(Path(name).parts):
            left[name] = "no_keys"
            folders.clear()
            continue
        for each in list(folders):
            inner = f"{name}/{each}"
            why = _LEFT_OUT.get(each, _LEFT_OUT.get(inner))
            if why is not None:
                left[inner] = why
            if why is not None or each.startswith(".") or ".before-" in each or each == f"{LOG_FOLDER}.new":
                folders.remove(each)
        for each in sorted(files):
            if each in _LEFT_OUT:
                left[f"{name}/{each}"] = _LEFT_OUT[each]
            elif not each.startswith(".") and not each.endswith(_NO_DATA) and ".before-" not in each:
                yield here / each


def _planned(home: Home, path: Path) -> PlannedFile | None:
    if not path.is_file():  # a socket, or gone meanwhile
        return None
    name = path.relative_to(home.path).as_posix()
    kind: FileKind = "file"
    if path.name == ACCESS_FILE:
        kind = "access_log"
    elif _KEPT_FOLDERS.intersection(path.relative_to(home.path).parts[:-1]):
        kind = "keep"
    elif path.suffix == STORE_SUFFIX:
        kind = "store"
    return PlannedFile(path, name, kind, path.stat().st_size)


def _rank(each: PlannedFile) -> tuple[int, bool, str]:
    """Return the place in the order; of a charter, the timestamp goes first, so that it never names what is missing."""
    parts = each.name.split("/")
    place = next((_ORDER.index(part) for part in parts if part in _ORDER and part), _ORDER.index(""))
    return place, each.path.name != "timestamp.json", each.name
