"""Tables that come and go over a network: an empty one, a filled one into drafts, an export; without files of a face.

Rule 1: what is written meanwhile lies in a folder of the county, mode 0700, that is deleted when the call returns.
Rule 2: a bad row is named by row and column; the good rows become drafts, which officers look at and send.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from yizhan.producers.drafts import LineProblem
from yizhan.runtime.errors import StoreError
from yizhan.schemas.filetypes import clean_name
from yizhan.schemas.i18n import marked
from yizhan.schemas.sentences import os_error
from yizhan.services.actor import Actor
from yizhan.services.doubts import doubt_sentences
from yizhan.services.errors import ServiceError
from yizhan.services.export import ExportQuery, export_tables
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence, short_type
from yizhan.services.progress import SILENT
from yizhan.services.tables import TableMode, TableSource, import_table, read_table, write_template

MOST_TABLE_BYTES: Final = 20 * 1024 * 1024
_PREFIX: Final = ".table-"


@dataclass(frozen=True, slots=True)
class ImportedDrafts:
    """What became of the rows of a table."""

    type: str
    drafts: tuple[int, ...]
    """Rows that became drafts."""
    problems: tuple[LineProblem, ...]
    failed: tuple[tuple[int, str], ...]
    """Row and sentence."""
    doubts: tuple[tuple[int, str], ...]
    """Row and sentence: it is a draft, and will be asked about."""
    before: tuple[int, ...]
    """Rows that were sent, or are drafts already."""
    repeated: tuple[tuple[int, int], ...]
    unread_sheets: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there was no row."""
        return not (self.drafts or self.problems or self.failed or self.before or self.repeated)


class _NoKey:
    """Nothing is sealed here: a source of passphrases that is never asked."""

    given = False

    def passphrase(self, path: Path) -> bytes:  # noqa: ARG002 -- of the protocol
        """Refuse."""
        raise ServiceError(marked("值班台没有密钥"))

    def new(self, *, ask: bool) -> bytes | None:  # noqa: ARG002 -- of the protocol
        """Refuse."""
        raise ServiceError(marked("值班台没有密钥"))

    def skipped(self, path: Path) -> None:
        """Say nothing."""


def template_bytes(home: Home, type: str, *, csv: bool = False) -> bytes:
    """Return an empty table of a type. Errors as ``write_template``."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        path = Path(folder) / f"{short_type(type)}.{'csv' if csv else 'xlsx'}"
        write_template(home, type, str(path))
        return path.read_bytes()


def import_drafts(home: Home, county: str, name: str, type: str | None, pieces: Iterable[bytes]) -> ImportedDrafts:
    """Store the good rows of a table as drafts.

    Args:
        home: of the installation.
        county: whose drafts.
        name: of the file; its ending says whether it is Excel or CSV.
        type: of the events; None where the table says.
        pieces: the bytes of the file.

    Raises:
        ServiceError: it is no such table, or too large.
        StoreError: the disk is full or fails.
    """
    name = clean_name(name)
    if not name.lower().endswith((".xlsx", ".csv")):
        raise ServiceError(marked("{file} 应以 .xlsx 或 .csv 结尾"), file=name)
    with _folder(home, county) as folder:
        path = folder / name
        _write(path, name, pieces)
        try:
            found = read_table(home, county, TableSource(str(path), type, excel=name.lower().endswith(".xlsx")))
        except ServiceError as error:
            if "file" in error.params:
                error.params = {**error.params, "file": name}
            raise
        import_table(
            home,
            county,
            found,
            TableMode.DRAFT,
            lambda _table: None,
            _NoKey(),
            lambda _rows: contextlib.nullcontext(SILENT),
        )
    return ImportedDrafts(
        found.type,
        tuple(found.drafts),
        tuple(replace(each, file=name) for each in found.problems),
        tuple((line, error_sentence(error)) for line, error in sorted(found.failed.items())),
        tuple((line, " ".join(doubt_sentences(home, each))) for line, each in sorted(found.doubtful.items())),
        tuple(found.sent_before),
        tuple(found.repeated.items()),
        found.unread_sheets,
    )


def export_bytes(home: Home, county: str, query: ExportQuery, actor: Actor, *, csv: bool = False) -> bytes:
    """Return a county's events as a table; the access log has it before. Errors as ``export_tables``."""
    with _folder(home, county) as folder:
        path = folder / ("export.csv" if csv else "export.xlsx")
        export_tables(home, county, query, str(path), actor)
        return path.read_bytes()


@contextlib.contextmanager
def _folder(home: Home, county: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=home.county_folder(county)) as folder:
        yield Path(folder)


def _write(path: Path, name: str, pieces: Iterable[bytes]) -> None:
    size = 0
    try:
        with path.open("wb") as file:
            for piece in pieces:
                if (size := size + len(piece)) > MOST_TABLE_BYTES:
                    sentence = marked("{file}：表格至多 {most} MB，没有导入；请分成几个文件")
                    raise ServiceError(sentence, file=name, most=MOST_TABLE_BYTES // 1024**2)
                file.write(piece)
    except OSError as error:
        raise StoreError(f"{name}: {os_error(error)}") from error
