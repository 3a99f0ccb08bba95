"""Hostile records: each must be refused with its reason; an old record is replayed.

An attacker holds the credentials of one county, so the broker lets it write to that county's
topic, and knows every public key. This file is the attacker; it is the only place outside the
named files that speaks to Kafka.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaProducer

from yizhan.demo.scenario import QINGYUAN, SHOUNING
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.charter import Charter
from yizhan.schemas.envelope import SIGNATURE_BYTES, parse_envelope, seal
from yizhan.schemas.errors import Reason
from yizhan.schemas.header import Header
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.payloads.table import FOREST_FIRE
from yizhan.schemas.timestamps import written

STRANGER = "350999"
"""Ends like a neighbour's code, but is no member."""
_BOOK = "hostile0demo"


@dataclass(frozen=True)
class Attack:
    """One record, the topic it is written to, and the reason it must be refused for (None: a replay)."""

    key: str
    said: str
    topic_of: str
    value: bytes
    reason: Reason | None


@dataclass(frozen=True)
class Arsenal:
    """What the attacker has: keys of two counties, an event that was really sent, the charter."""

    charter: Charter
    signing: dict[str, SigningKey]
    letter: bytes
    """An envelope of 寿宁 that the station admitted."""
    foreign: tuple[str, str]
    """Id and hash of an event of 庆元."""

    def header(self, n: int, source: str = SHOUNING, **attributes: Any) -> Header:  # noqa: ANN401 -- any attribute
        """Write a header that looks right."""
        to = attributes.get("to", [QINGYUAN if source == SHOUNING else SHOUNING])
        values = {
            "source": source, "id": f"{source}-{_BOOK}-{n}", "type": FOREST_FIRE, "time": written(datetime.now(UTC)),
            "kid": self.signing[source].kid, "to": to, "charter": self.charter.name, "status": "Actual",
            "priority": "flash", "stage": "first", "touches": to,
            "lanes": {code: {"lane": "prompt", "n": n} for code in to},
        }  # fmt: skip
        return Header.model_validate(values | attributes)

    def sealed(self, header: Header, signer: SigningKey | None = None) -> bytes:
        """Seal it to those of its recipients that are members."""
        now = datetime.now(UTC)
        known = [code for code in header.to if code in self.charter.members]
        recipients = [self.charter.sealing_key(code, now) for code in known]
        recipients += [SealingKey.generate().public for _ in range(len(header.to) - len(known))]
        return seal(header, b'{"summary":"hostile"}', recipients, signer or self.signing[header.county])


def attacks(arsenal: Arsenal) -> list[Attack]:
    """Forge one record of each kind."""
    letter = arsenal.letter
    envelope = parse_envelope(letter)
    middle = letter.index(envelope.ciphertext)
    tampered = bytes([*letter[:middle], letter[middle] ^ 1, *letter[middle + 1 :]])
    resigned = letter[:-SIGNATURE_BYTES] + arsenal.signing[QINGYUAN].sign(envelope.signed)
    nobody = SigningKey.generate()
    event_id, event_hash = arsenal.foreign
    withdrawal: dict[str, Any] = {"stage": "update", "withdraws": {"id": event_id, "hash": event_hash}}
    return [
        Attack("tampered", marked("篡改密文一位"), SHOUNING, tampered, Reason.BAD_SIGNATURE),
        Attack("resigned", marked("另一县重新签名"), SHOUNING, resigned, Reason.BAD_SIGNATURE),
        Attack(
            "stranger", marked("陌生密钥签名"), SHOUNING,
            arsenal.sealed(arsenal.header(1, kid=nobody.kid), nobody), Reason.UNKNOWN_KEY,
        ),
        Attack(
            "outsider", marked("发给非成员"), SHOUNING,
            arsenal.sealed(arsenal.header(2, to=[QINGYUAN, STRANGER])), Reason.NOT_A_MEMBER,
        ),
        Attack(
            "misplaced", marked("写到别县主题"), SHOUNING,
            arsenal.sealed(arsenal.header(3, source=QINGYUAN)), Reason.WRONG_TOPIC,
        ),
        Attack(
            "usurped", marked("撤回别县的事件"), SHOUNING,
            arsenal.sealed(arsenal.header(4, **withdrawal)), Reason.BAD_REFERENCE,
        ),
        Attack("replayed", marked("重放旧记录"), SHOUNING, letter, None),
    ]  # fmt: skip


def attack(connection_of: Callable[[str], KafkaConnection], forged: list[Attack]) -> dict[str, int]:
    """Write the forged records with the stolen credentials; the offset of each, by key."""
    offsets = {}
    for county in sorted({each.topic_of for each in forged}):
        settings = connection_of(topics.county(county)).kafka_python()
        producer = KafkaProducer(**settings, acks="all", enable_idempotence=True)
        try:
            for each in (each for each in forged if each.topic_of == county):
                sent = producer.send(topics.events(county), value=each.value, key=b"hostile", partition=0)
                offsets[each.key] = sent.get(timeout=30).offset
        finally:
            producer.close(timeout=5)
    return offsets
