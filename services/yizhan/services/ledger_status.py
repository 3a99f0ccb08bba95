"""How the log stands: at the station, and as a county checked it; evidence that a person has looked into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from yizhan.ledger.log import PUBLIC
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder
from yizhan.ledger.mirror import LogEvidence
from yizhan.ledger.statements import Contradiction
from yizhan.ledger.verify import read_checkpoint
from yizhan.runtime.clock import utc_now
from yizhan.schemas.checkpoints import OpenedCheckpoint, open_checkpoint
from yizhan.schemas.payloads.common import Person
from yizhan.services.home import Home
from yizhan.services.ledger import cosigner_path, ledger_folder, open_cosigner, open_statements, read_mirror


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The ledger of this home. ``rejected`` are the reasons of statements that did not verify."""

    statements: int
    newest: OpenedCheckpoint | None
    final: OpenedCheckpoint | None
    contradictions: tuple[Contradiction, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CosignerStatus:
    """A county's copy of the log: how far it was checked, what is missing in it, and what speaks against it."""

    county: str
    size: int
    cosigned: bool
    final: OpenedCheckpoint | None
    missing: tuple[str, ...]
    evidence: tuple[LogEvidence, ...]


def ledger_status(home: Home) -> LedgerStatus:
    """Read how the ledger of this home stands (``NotFound`` where there is none)."""
    source = LogFolder(ledger_folder(home) / PUBLIC)
    with open_statements(home) as statements:
        return LedgerStatus(
            statements.size,
            read_checkpoint(source, CHECKPOINT, home.charters),
            read_checkpoint(source, FINAL, home.charters),
            tuple(statements.alarms()),
            tuple(why for _statement, why in statements.aside()),
        )


def cosigner_status(home: Home, county: str) -> CosignerStatus:
    """Read how far a county has checked the log (``UnknownMember``)."""
    home.member(county)
    if not cosigner_path(home, county).exists():
        return CosignerStatus(county, 0, cosigned=False, final=None, missing=(), evidence=())
    patience = timedelta(seconds=home.settings.ledger_patience_seconds)
    with read_mirror(home, county) as mine:
        final = mine.final()
        return CosignerStatus(
            county,
            mine.head.size,
            mine.cosigned and mine.head.size > 0,
            None if final is None else open_checkpoint(final, home.charters),
            tuple(subject for subject, _statement in mine.awaited(utc_now() - patience)),
            tuple(mine.evidence()),
        )


def settle_evidence(home: Home, county: str, number: int, officer: Person, note: str) -> None:
    """Enter who looked into a piece of evidence and what was found: the county cosigns again.

    Raises:
        UnknownMember: not a member.
        NoSuchStatement: there is no such evidence, or it is settled.
    """
    home.member(county)
    with open_cosigner(home, county) as mine:
        mine.settle(number, f"{officer.name} ({officer.badge}): {note}")
