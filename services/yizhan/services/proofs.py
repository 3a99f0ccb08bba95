"""Proofs that an event is in the log: made at the station or by a county, verified by whoever has the charter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yizhan.ledger.proving import prove as prove_from_log
from yizhan.ledger.statement_keys import VerifiedStatement, read_statement
from yizhan.schemas import dsse, strictjson
from yizhan.schemas.checkpoints import OpenedCheckpoint
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.proofs import LogProof, parse_proof, verify_proof
from yizhan.services.errors import NotFinal
from yizhan.services.home import Home
from yizhan.services.ledger import CountyBooks, ledger_folder, open_statements, read_mirror


@dataclass(frozen=True, slots=True)
class VerifiedProof:
    """A proof that verified: the statement, its type and JSON, and the checkpoint that covers it."""

    proof: LogProof
    checkpoint: OpenedCheckpoint
    statement: VerifiedStatement
    content_type: str
    content: Any


def prove_event(home: Home, event_id: str, county: str | None) -> tuple[LogProof, OpenedCheckpoint]:
    """Prove that an event is in the log, from the ledger's files or (``county``) from a county's own copy.

    Raises:
        NotFound: there is no ledger here, or the county has no postmark of the event or no copy of the log.
        NoSuchStatement, LedgerNotReady: the log does not have it yet.
    """
    proof = _prove_at_the_station(home, event_id) if county is None else _prove_at_a_county(home, event_id, county)
    return proof, verify_proof(proof, home.charters)


def _prove_at_the_station(home: Home, event_id: str) -> LogProof:
    with open_statements(home) as statements:
        return prove_from_log(ledger_folder(home), statements, event_id, home.charters)


def _prove_at_a_county(home: Home, event_id: str, county: str) -> LogProof:
    home.member(county)
    with CountyBooks(home, county) as books:
        statement = books.statement(event_id)
    if statement is None:
        sentence = marked("{county} 手里没有 {id} 的邮戳：不是本县收发的，或驿站还没有答复")
        raise NotFound(sentence, county=home.member_name(county), id=event_id)
    with read_mirror(home, county) as mine:
        return mine.prove(statement)


def check_proof(home: Home, data: bytes) -> VerifiedProof:
    """Verify a proof by the home's charters; whether the checkpoint is final is the reader's to judge.

    Raises:
        NoteInvalid, ProofInvalid, StatementInvalid: it does not verify.
    """
    proof = parse_proof(data)
    opened = verify_proof(proof, home.charters)
    statement = read_statement(proof.statement, home.charters)
    content = strictjson.loads(dsse.unverified_payload(proof.statement))
    return VerifiedProof(proof, opened, statement, dsse.unverified_type(proof.statement), content)


def require_cosigned(opened: OpenedCheckpoint) -> None:
    """Raise ``NotFinal`` unless a quorum cosigned the checkpoint of a proof."""
    if not opened.final:
        sentence = marked("位置属实，但会签只有 {cosigned} 个，法定多数是 {quorum} 个；稍后再出具一次证明")
        raise NotFinal(sentence, cosigned=len(opened.cosigned), quorum=opened.charter.quorum)
