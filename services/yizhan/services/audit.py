"""The audit: the log verified and exported; events explained, problems found, counties reconciled, quarters reported.

Rule 1: an auditor's machine needs the log with its statements, the books and the charter; in a home where everything
        is at hand, books are made on the way.
Rule 2: whatever is returned names the checkpoint that it stands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yizhan.ledger.audit import findings, history
from yizhan.ledger.audit.evidence import Evidence
from yizhan.ledger.audit.findings import Finding, ReportableHotspot
from yizhan.ledger.audit.history import Life
from yizhan.ledger.audit.logged import WithStatements, prove, read_log
from yizhan.ledger.audit.pages import as_csv, as_html
from yizhan.ledger.audit.reconcile import Reconciliation
from yizhan.ledger.audit.reconcile import reconcile as compare
from yizhan.ledger.audit.report import QuarterReport
from yizhan.ledger.audit.report import report as count
from yizhan.ledger.export import export
from yizhan.ledger.log import PUBLIC
from yizhan.ledger.log_source import CHECKPOINT, LogFolder, LogSource, source
from yizhan.ledger.statement_keys import read_statement
from yizhan.ledger.verify import VerifiedLog, read_checkpoint, verify
from yizhan.runtime.access_log import How
from yizhan.runtime.folders import write_private
from yizhan.schemas.actions import Action
from yizhan.schemas.checkpoints import OpenedCheckpoint
from yizhan.schemas.i18n import LANGUAGES, marked
from yizhan.schemas.proofs import LogProof
from yizhan.schemas.quarters import Quarter
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.books import people_of, read_books
from yizhan.services.errors import NotFinal
from yizhan.services.event_ids import full_id
from yizhan.services.home import Home
from yizhan.services.ledger import ledger_folder, open_statements
from yizhan.services.progress import SILENT, Progress


@dataclass(frozen=True, slots=True)
class AuditSources:
    """Where log and books are.

    ``where`` is the folder or URL of an exported log with its statements (None: this home's ledger), ``books`` are
    files (none: made of this home's counties), ``unsettled`` takes the newest checkpoint, final or not.
    """

    home: Home
    where: str | None = None
    books: Sequence[Path] = ()
    unsettled: bool = False


@contextmanager
def gather(sources: AuditSources, progress: Progress = SILENT) -> Iterator[tuple[LogSource, Evidence]]:
    """Read the log and the books, and lay them side by side.

    Yields:
        The log's files, for proofs, and the evidence.

    Raises:
        LedgerError: log or books cannot be used.
        NotFound: there is no ledger in this home.
    """
    if sources.where is not None:
        files = source(sources.where)
        yield files, _evidence(sources, files, progress)
        return
    with open_statements(sources.home) as statements:
        here = WithStatements(LogFolder(ledger_folder(sources.home) / PUBLIC), statements)
        yield here, _evidence(sources, here, progress)


def _evidence(sources: AuditSources, files: LogSource, progress: Progress) -> Evidence:
    home = sources.home
    logged = read_log(files, home.charters, unsettled=sources.unsettled, progress=_counted(progress))
    return Evidence(logged, read_books(home, sources.books))


def _counted(progress: Progress) -> Callable[[int], None]:
    """Turn counts so far into steps."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        progress.advance(count - done)
        done = count

    return advance


# -- the log itself --


def newest_checkpoint(home: Home, where: str) -> OpenedCheckpoint | None:
    """Return the newest checkpoint of a log, None where it has none."""
    return read_checkpoint(source(where), CHECKPOINT, home.charters)


def verify_log(home: Home, where: str, state: Path | None, progress: Progress = SILENT) -> VerifiedLog:
    """Verify every entry, file, root, signature and cosignature of a log, and its statements where they are there.

    Args:
        home: whose charters count.
        where: folder or URL.
        state: file with the progress of an earlier run, made if absent; None for none.
        progress: counts entries.

    Raises:
        LogDamaged, LogForked, StatementInvalid: names the file that is wrong.
    """

    def check(statement: bytes) -> None:
        read_statement(statement, home.charters)

    return verify(source(where), home.charters, state=state, progress=_counted(progress), check_statement=check)


def require_final(found: VerifiedLog, where: str) -> None:
    """Raise ``NotFinal`` unless a quorum cosigned some checkpoint of the log."""
    if found.final is None:
        sentence = marked("没有一个检查点的会签达到法定多数；账本刚建立时，可以不要求会签")
        raise NotFinal(sentence, hint=Action.to("audit.verify_without_quorum", where=where))


def export_log(home: Home, target: Path, *, with_statements: bool, progress: Progress = SILENT) -> OpenedCheckpoint:
    """Write this home's log to a folder, or go on with an earlier export; return the checkpoint that it ends at."""
    with open_statements(home) as statements:
        return export(
            ledger_folder(home) / PUBLIC,
            target,
            home.charters,
            statements=statements if with_statements else None,
            progress=_counted(progress),
        )


# -- log and books --


@dataclass(frozen=True, slots=True)
class ExplainedEvent:
    """One event's life, and the proofs of the places of the log that it is told from."""

    checkpoint: OpenedCheckpoint
    life: Life
    proofs: Mapping[int, LogProof]


def explain_event(
    sources: AuditSources, event_id: str, actor: Actor, progress: Progress = SILENT, how: How = "opened"
) -> ExplainedEvent:
    """Tell an event's life, or an obligation's by its name. Of an event in a book of this home the end of its id does.

    The names of officers are content: each county in whose stores they were read has the access in its log, before
    anything is returned. The life itself lists earlier accesses only.

    Raises:
        AmbiguousId: several events end so.
        NoSuchStatement: neither log nor books have it.
        StoreError: a store cannot be read, or an access not be written down.
    """
    home = sources.home
    if not sources.books:
        event_id = full_id(home, sorted(home.charters.latest().members), event_id)
    people, read = ({}, ()) if sources.books else people_of(home, event_id)
    with gather(sources, progress) as (files, evidence):
        life = history.life(evidence, event_id, home.charters, people)
        proofs = {place: prove(files, evidence.logged, place, home.charters) for place in life.places}
    for county in read:
        record(home, county, actor, how, [event_id])
    return ExplainedEvent(evidence.logged.checkpoint, life, proofs)


@dataclass(frozen=True, slots=True)
class FoundProblems:
    """What was found, and the books (county, kind) that were not there to be searched."""

    checkpoint: OpenedCheckpoint
    findings: tuple[Finding, ...]
    missing_books: tuple[tuple[str, str], ...]


def find_problems(
    sources: AuditSources, hotspots: Sequence[ReportableHotspot] = (), progress: Progress = SILENT
) -> FoundProblems:
    """Find what is late, unanswered, refused, doubtful, or was never reported of ``hotspots``."""
    home = sources.home
    with gather(sources, progress) as (_files, evidence):
        found = findings.find(evidence, home.charters, hotspots)
        missing = findings.missing_books(evidence, home.charters.latest().members)
    return FoundProblems(evidence.logged.checkpoint, tuple(found), tuple(missing))


def reconcile_counties(
    sources: AuditSources, a: str, b: str, progress: Progress = SILENT
) -> tuple[OpenedCheckpoint, Reconciliation]:
    """Compare the books of two members with each other and with the log, in both directions."""
    home = sources.home
    with gather(sources, progress) as (_files, evidence):
        found = compare(evidence, home.member(a), home.member(b))
    return evidence.logged.checkpoint, found


def report_quarter(sources: AuditSources, quarter: Quarter, progress: Progress = SILENT) -> QuarterReport:
    """Count a quarter: traffic, digests, findings, reconciliations of pairs, accesses."""
    with gather(sources, progress) as (_files, evidence):
        return count(evidence, sources.home.charters, quarter)


def write_report(found: QuarterReport, folder: Path) -> Iterator[Path]:
    """Write a report as page and table in each language; yield the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        # The mark at the beginning lets spreadsheets read Chinese.
        for ending, text in (("html", as_html(found, language)), ("csv", "\ufeff" + as_csv(found, language))):
            path = folder / f"audit-{found.quarter}.{language}.{ending}"
            write_private(path, text.encode())
            yield path
