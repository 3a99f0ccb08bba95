"""One fake world for every unit test: counties and a station in memory, with fixed keys.

No mocks: everything here is the real contract with real keys; only Kafka, disks and clocks are
left out. Keys come from seeds, so the same test sees the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from yizhan.schemas import strictjson, topics
from yizhan.schemas.admit import Admitted, Record, admit
from yizhan.schemas.charter import AdoptedCharters, Charter
from yizhan.schemas.charter_loading import charter_name, load_charter
from yizhan.schemas.envelope import seal
from yizhan.schemas.header import Header, Ref
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.obligation_engine import ObligationEngine
from yizhan.schemas.policy import decide
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.postmark_steps import EventStamp, postmark_entries
from yizhan.schemas.sample import SIX, MemberKeys, charter_files
from yizhan.schemas.timestamps import written

START = datetime(2026, 7, 1, tzinfo=UTC)
"""From when charter and keys hold."""
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""When tests happen, unless they say otherwise."""
SHOUNING, QINGYUAN, CANGNAN = "350924", "331126", "330327"
"""The two that really signed, and a third."""
BOOK = "20261123test"
CLUSTER = "simulator"
FIRE = "yizhan.incident.forest_fire.v1"
INTELLIGENCE = "yizhan.intelligence.report.v1"


def seed(words: str, length: int = 32) -> bytes:
    """Bytes that the words always give."""
    return hashlib.shake_256(words.encode()).digest(length)


def load(files: Mapping[str, bytes], number: int = 1, since: datetime = START) -> Charter:
    """Load a charter as if it had been signed: its name is made of its files' hashes."""
    listed = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    return load_charter(files, charter_name(number, strictjson.dumps(listed)), since)


@dataclass
class County:
    """One member with its private keys and its counters."""

    code: str
    signing: SigningKey
    sealing: SealingKey
    n: int = 0
    lanes: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def make(cls, code: str, generation: int = 1) -> County:
        """Make the one that its code and generation always give."""
        return cls(
            code,
            SigningKey.from_seed(seed(f"sign {code} {generation}")),
            SealingKey.from_seed(seed(f"seal {code} {generation}", 96)),
        )

    @property
    def public(self) -> MemberKeys:
        """Its public keys."""
        return MemberKeys(self.signing.public, self.sealing.public)


class World:
    """Counties, a station key and a charter."""

    def __init__(self, codes: tuple[str, ...] = SIX, since: datetime = START) -> None:
        """Make the members of the sample alliance, or some of them."""
        self.counties = {code: County.make(code) for code in codes}
        self.station = SigningKey.from_seed(seed("station postmark"))
        self.files = self._charter_files(since)
        self.charter: Charter = load(self.files, since=since)
        self.charters = AdoptedCharters([self.charter])
        self._offsets: dict[str, int] = {}

    def _charter_files(self, since: datetime) -> dict[str, bytes]:
        keys = {code: county.public for code, county in self.counties.items()}
        return charter_files(keys, [self.station.public], not_before=since)

    def header(self, source: str = "350924", to: tuple[str, ...] = ("331126",), **attributes: Any) -> Header:  # noqa: ANN401 -- any attribute
        """Write the header of the next event: a fire that touches its recipients, unless told."""
        county = self.counties[source]
        county.n += 1
        values: dict[str, Any] = {
            "source": source,
            "id": f"{source}-{BOOK}-{county.n}",
            "type": FIRE,
            "time": written(NOW),
            "kid": county.signing.kid,
            "to": to,
            "charter": self.charter.name,
            "status": "Actual",
            "priority": "flash",
            "stage": "first",
            "touches": to,
            "lanes": {member: {"lane": "prompt", "n": 1} for member in to},
        }
        values |= attributes
        values = {name: value for name, value in values.items() if value is not None}
        draft = Header.model_validate(values)
        if "lanes" not in attributes:
            values["lanes"] = {member: self._lane(county, draft, member) for member in to}
        return Header.model_validate(values)

    def _lane(self, county: County, draft: Header, member: str) -> dict[str, Any]:
        lane = decide(draft, member, self.charter.policy).way.lane
        county.lanes[member, lane] = county.lanes.get((member, lane), 0) + 1
        return {"lane": lane, "n": county.lanes[member, lane]}

    def seal(self, header: Header, payload: bytes = b'{"summary":"test"}') -> bytes:
        """Seal a header and payload as its source would."""
        recipients = [self.counties[code].sealing.public for code in header.to]
        return seal(header, payload, recipients, self.counties[header.county].signing)

    def event(self, source: str = "350924", to: tuple[str, ...] = ("331126",), **attributes: Any) -> bytes:  # noqa: ANN401 -- any attribute
        """Write and seal the next event."""
        return self.seal(self.header(source, to, **attributes))

    def record(self, value: bytes | None, source: str = "350924", received: datetime = NOW) -> Record:
        """Put a value on a county's events topic."""
        topic = topics.events(source)
        offset = self._offsets[topic] = self._offsets.get(topic, -1) + 1
        return Record(topic, 0, offset, received + timedelta(milliseconds=offset), value)

    def admit(self, value: bytes | None, source: str = "350924", received: datetime = NOW) -> Admitted:
        """Admit a value as if it had just come from a county's topic."""
        return admit(self.record(value, source, received), self.charter)

    def postmark(self, value: bytes, source: str = "350924", received: datetime = NOW) -> bytes:
        """Stamp an admissible value as a station would that has read nothing before."""
        record = self.record(value, source, received)
        admitted = admit(record, self.charter)
        event = EventStamp(
            Ref(id=admitted.header.id, hash=admitted.verified.hash.hex()), written(record.received), self.charter.name
        )
        ways = {code: decided.way for code, decided in admitted.decisions.items()}
        steps = ObligationEngine().observe(admitted.header, admitted.verified.hash, ways, record.received, self.charter)
        opens, ends = postmark_entries(steps, event)
        return Postmark(
            record_sha256=hashlib.sha256(value).hexdigest(),
            origin=Origin(cluster=CLUSTER, topic=record.topic, partition=0, offset=record.offset),
            received=event.received,
            charter=event.charter,
            id=event.event.id,
            hash=event.event.hash,
            opens=opens,
            ends=ends,
            decisions={c: Decided(way=d.way, rule=d.rule) for c, d in admitted.decisions.items()},
            clock_suspect=True if admitted.clock_suspect else None,
        ).signed(self.station)
