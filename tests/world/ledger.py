"""The simulator's world with a ledger in it: keys that sign checkpoints, counties that cosign."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.world.simulator import START, World, seed
from yizhan.ledger.log import LedgerSigningKeys, Log
from yizhan.ledger.statement_keys import VerifiedStatement, read_statement
from yizhan.schemas import sample
from yizhan.schemas.checkpoints import Checkpoint, cosign, cosigner_name
from yizhan.schemas.keys import CosigningKey, SigningKey
from yizhan.schemas.notes import Signature
from yizhan.schemas.sample import MemberKeys, charter_files

LATER = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""When checkpoints are signed."""


class LedgerWorld(World):
    """Counties, station, ledger and their charter. ``cosigning`` are the counties' ML-DSA-44 keys."""

    def __init__(self, codes: tuple[str, ...] = sample.SIX, since: datetime = START, *, logged: bool = True) -> None:
        """Make the simulator's world, and a charter that names the cosigners' keys, and the ledger's if ``logged``."""
        self.ledger = LedgerSigningKeys(
            SigningKey.from_seed(seed("ledger sign")), CosigningKey.from_seed(seed("ledger cosign"))
        )
        self.cosigning = {code: CosigningKey.from_seed(seed(f"cosign {code}")) for code in codes}
        self._logged = logged
        super().__init__(codes, since)

    def _charter_files(self, since: datetime) -> dict[str, bytes]:
        keys = {
            code: MemberKeys(county.signing.public, county.sealing.public, self.cosigning[code].public)
            for code, county in self.counties.items()
        }
        ledger = sample.LedgerPublicKeys([self.ledger.signing.public], [self.ledger.cosigning.public])
        return charter_files(keys, [self.station.public], not_before=since, ledger=ledger if self._logged else None)

    @property
    def origin(self) -> str:
        """Name of the log."""
        return self.charter.log

    def statements(self, count: int) -> list[bytes]:
        """Stamp so many events of one county as its station would."""
        return [self.postmark(self.event(lanes=_LANES)) for _ in range(count)]

    def said(self, statements: Sequence[bytes]) -> list[VerifiedStatement]:
        """Verify them."""
        return [read_statement(each, self.charters) for each in statements]

    def cosignature(self, code: str, checkpoint: Checkpoint, at: datetime = LATER) -> Signature:
        """Cosign as a county."""
        return cosign(checkpoint, cosigner_name(self.origin, code), self.cosigning[code], at)

    def log(self, folder: Path) -> Log:
        """Open the log of this world."""
        return Log(folder, self.origin)

    def grow(self, folder: Path, batches: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Write batches into a log and publish each; the signed checkpoints."""
        with self.log(folder) as log:
            signed = []
            for number, batch in enumerate(batches):
                log.append(self.said(batch), {"simulator": number + 1})
                signed.append(log.publish(self.ledger, LATER + timedelta(seconds=number)))
            return signed


_LANES = {"331126": {"lane": "prompt", "n": 1}}


def numbered(first: int, last: int) -> list[VerifiedStatement]:
    """Say something short about each number: for logs too large to sign every statement of."""
    return [VerifiedStatement(b"statement %d" % number, f"number {number}") for number in range(first, last)]


@functools.cache
def world() -> LedgerWorld:
    """The one that tests share which do not change it."""
    return LedgerWorld()


@functools.cache
def some_statements(count: int) -> tuple[bytes, ...]:
    """Statements of the shared world, made once."""
    return tuple(world().statements(count))
