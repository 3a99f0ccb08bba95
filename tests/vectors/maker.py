"""The world of the vectors: six counties, and a charter with keys in every state.

Rule 1: whatever can be fixed is fixed: keys come from seeds, times are constants.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.world.forge import forge
from tests.world.simulator import BOOK, CLUSTER, NOW, START, World, seed
from yizhan.schemas import topics
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.charter import Charter
from yizhan.schemas.charter_loading import load_charter
from yizhan.schemas.envelope import open_verified
from yizhan.schemas.errors import Refused, Unopenable
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from datetime import datetime

    from yizhan.schemas.header import Header
    from yizhan.schemas.keys import SealingPublicKey

SENDER, PARTNER, THIRD, KEYRING = "350924", "331126", "330327", "350982"
FIRE_PAYLOAD: Final = '{"summary":"距县界八百米处起火，过火约零点三公顷"}'.encode()

NAME: Final = "1-1ee0127f43b062ec"
"""Of the charter: it stands in every vector, and in ``charter/version.json``."""
CHARTER: Final = Path(__file__).parent / "envelope" / "charter"
EXPIRED = SigningKey.from_seed(seed("sign 350982 expired"))
FUTURE = SigningKey.from_seed(seed("sign 350982 future"))
REVOKED = SigningKey.from_seed(seed("sign 350982 revoked"))
RETIRED = SealingKey.from_seed(seed("seal 331126 retired", 96))
STRANGER = SigningKey.from_seed(seed("sign stranger"))
STRANGERS_SEAL = SealingKey.from_seed(seed("seal stranger", 96))
HASH: Final = seed("some event's hash").hex()


def of_source(source: str, number: int) -> dict[str, str]:
    """Name an event of a source."""
    return {"id": f"{source}-{BOOK}-{number}", "hash": HASH}


class Maker:
    """The world of the vectors, and the files it has made so far."""

    def __init__(self) -> None:
        """Make six counties and a charter with keys in every state."""
        self.world = World(SIX)
        # As it was made once: the sample's table of today may be another.
        files = {path.relative_to(CHARTER).as_posix(): path.read_bytes() for path in CHARTER.rglob("*.json")}
        del files["version.json"]
        self.files = files
        self.charter: Charter = load_charter(files, NAME, START)
        self.world.charter = self.charter
        self.made: dict[str, dict[str, Any]] = {}
        self._offset = 0

    def header(self, source: str = SENDER, to: tuple[str, ...] = (PARTNER,), **attributes: Any) -> Header:  # noqa: ANN401 -- of any attribute
        """Write the header of the next event."""
        return self.world.header(source, to, **attributes)

    def seals(self, *codes: str) -> list[SealingPublicKey]:
        """Return the sealing keys of some members."""
        return [self.world.counties[code].sealing.public for code in codes]

    def key(self, code: str = SENDER) -> SigningKey:
        """Return a member's signing key."""
        return self.world.counties[code].signing

    def good(self, *, payload: bytes = FIRE_PAYLOAD, **attributes: Any) -> bytes:  # noqa: ANN401 -- of any attribute
        """Seal the next event honestly."""
        return self.world.seal(self.header(**attributes), payload)

    def good_receipt(self, to: tuple[str, ...] = (PARTNER,)) -> Header:
        """Write the header of a receipt, to be changed."""
        event = {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}
        what = {"stage": "acted", "event": event}
        return self.header(to=to, type=RECEIPT, stage=None, touches=None, priority="routine", receipt=what)

    def forged(self, header: Header | bytes, *codes: str) -> bytes:
        """Seal any header to some members, signed by the usual sender."""
        return forge(header, self.seals(*codes or (PARTNER,)), self.key())

    def add(  # noqa: PLR0913 -- one for each member of a file
        self,
        name: str,
        description: str,
        record: bytes | None,
        *,
        topic: str = topics.events(SENDER),
        kafka_header_bytes: int = 0,
        zeros_after: int = 0,
        received: datetime = NOW,
        opened_by: dict[str, SealingKey] | None = None,
    ) -> None:
        """Work out what a record leads to, and keep it as a vector."""
        self._offset += 1
        full = None if record is None else record + bytes(zeros_after)
        seen = Record(topic, 0, self._offset, received, full, kafka_header_bytes)
        vector: dict[str, Any] = {
            "description": description,
            "charter": "charter",
            "cluster": CLUSTER,
            "topic": topic,
            "partition": 0,
            "offset": self._offset,
            "received": written(received),
            "kafka_header_bytes": kafka_header_bytes,
            "record": None if record is None else record.hex(),
            "zeros_after": zeros_after,
        }
        try:
            vector |= self._admitted(seen, opened_by)
        except Refused as refused:
            vector["refused"] = refused.reason.value
        assert name not in self.made, name
        self.made[name] = vector

    def _admitted(self, record: Record, opened_by: dict[str, SealingKey] | None) -> dict[str, Any]:
        admitted = admit(record, self.charter)
        assert record.value is not None
        behind = int(admitted.header.charter.partition("-")[0]) > self.charter.version
        mark = Postmark(
            record_sha256=hashlib.sha256(record.value).hexdigest(),
            origin=Origin(cluster=CLUSTER, topic=record.topic, partition=0, offset=record.offset),
            received=written(record.received),
            charter=self.charter.name,
            id=admitted.header.id,
            hash=admitted.verified.hash.hex(),
            decisions={code: Decided(way=d.way, rule=d.rule) for code, d in admitted.decisions.items()},
            clock_suspect=True if admitted.clock_suspect else None,
            charter_behind=True if behind else None,
        )
        openers = opened_by or {code: self.world.counties[code].sealing for code in admitted.header.to}
        opened = []
        for code, key in openers.items():
            private = {"county": code, "seed": _seal_seed(code, key)}
            try:
                opened.append(private | {"payload": open_verified(admitted.verified, [key]).hex()})
            except Unopenable as unopenable:
                opened.append(private | {"unopenable": unopenable.cause})
        return {
            "admitted": {
                "hash": admitted.verified.hash.hex(),
                "header": json.loads(admitted.verified.envelope.unverified_header),
                "decisions": {code: {"way": d.way, "rule": d.rule} for code, d in admitted.decisions.items()},
                "clock_suspect": admitted.clock_suspect,
                **({"charter_behind": True} if behind else {}),
            },
            "postmark": {"seed": seed("station postmark").hex(), "document": mark.signed(self.world.station).decode()},
            "opened": opened,
        }


def _seal_seed(code: str, key: SealingKey) -> str:
    words = {RETIRED.kid: "seal 331126 retired", STRANGERS_SEAL.kid: "seal stranger"}.get(key.kid, f"seal {code} 1")
    assert SealingKey.from_seed(seed(words, 96)).kid == key.kid
    return seed(words, 96).hex()
