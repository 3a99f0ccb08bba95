"""The fixed vectors: what they say is what this implementation does."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.world.each import each
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.charter import Charter
from yizhan.schemas.charter_loading import load_charter
from yizhan.schemas.envelope import open_verified
from yizhan.schemas.errors import REFUSALS, Reason, Refused, Unopenable
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.statements import read_statement
from yizhan.schemas.timestamps import instant, written

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "envelope"
VECTORS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
ADMITTED: Final = [name for name, vector in VECTORS.items() if "admitted" in vector]
REFUSED: Final = [name for name, vector in VECTORS.items() if "refused" in vector]
CAUSES: Final = {"not_addressed", "wrap", "commit", "ciphertext", "padding"}


@pytest.fixture(scope="module")
def charter() -> Charter:
    """Return the charter that all vectors share."""
    root = FOLDER / "charter"
    version = json.loads((root / "version.json").read_text("utf-8"))
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.json")}
    del files["version.json"]
    return load_charter(files, version["name"], instant(version["holds_from"]))


def record_of(vector: dict[str, Any]) -> Record:
    """Return the record of a vector."""
    value = None if vector["record"] is None else bytes.fromhex(vector["record"]) + bytes(vector["zeros_after"])
    received: datetime = instant(vector["received"])
    return Record(vector["topic"], vector["partition"], vector["offset"], received, value, vector["kafka_header_bytes"])


@each("name", REFUSED)
def test_a_refusal_has_its_reason(name: str, charter: Charter) -> None:
    """Each hostile record is refused for the reason that its file says."""
    with pytest.raises(Refused) as error:
        admit(record_of(VECTORS[name]), charter)
    assert type(error.value) is REFUSALS[Reason(VECTORS[name]["refused"])]


@each("name", ADMITTED)
def test_what_comes_in_is_as_told(name: str, charter: Charter) -> None:
    """Header, hash, decisions and the clock's mark are those of the file."""
    said = VECTORS[name]["admitted"]
    admitted = admit(record_of(VECTORS[name]), charter)
    assert json.loads(admitted.verified.envelope.unverified_header) == said["header"]
    assert admitted.verified.hash.hex() == said["hash"]
    assert {code: {"way": d.way, "rule": d.rule} for code, d in admitted.decisions.items()} == said["decisions"]
    assert admitted.clock_suspect == said["clock_suspect"]


@each("name", ADMITTED)
def test_what_opens_and_what_does_not_is_as_told(name: str, charter: Charter) -> None:
    """Every recipient reads the payload of the file, or names its cause."""
    verified = admit(record_of(VECTORS[name]), charter).verified
    for opened in VECTORS[name]["opened"]:
        key = SealingKey.from_seed(bytes.fromhex(opened["seed"]))
        if "payload" in opened:
            assert open_verified(verified, [key]).hex() == opened["payload"]
        else:
            with pytest.raises(Unopenable) as error:
                open_verified(verified, [key])
            assert error.value.cause == opened["unopenable"]


@each("name", ADMITTED)
def test_a_postmark_comes_out_byte_for_byte(name: str, charter: Charter) -> None:
    """Under the station's seed the postmark has the bytes of the file, and they verify."""
    vector, record = VECTORS[name], record_of(VECTORS[name])
    admitted = admit(record, charter)
    assert record.value is not None
    mark = Postmark(
        record_sha256=hashlib.sha256(record.value).hexdigest(),
        origin=Origin(cluster=vector["cluster"], topic=record.topic, partition=record.partition, offset=record.offset),
        received=written(record.received),
        charter=charter.name,
        id=admitted.header.id,
        hash=admitted.verified.hash.hex(),
        decisions={code: Decided(way=d.way, rule=d.rule) for code, d in admitted.decisions.items()},
        clock_suspect=True if admitted.clock_suspect else None,
        charter_behind=vector["admitted"].get("charter_behind"),
    )
    document = mark.signed(SigningKey.from_seed(bytes.fromhex(vector["postmark"]["seed"])))
    assert document.decode() == vector["postmark"]["document"]
    assert read_statement(Postmark, document, charter)[0] == mark


def test_every_reason_has_a_vector() -> None:
    """The closed list is covered, and a file with one fault is named after its reason."""
    assert {VECTORS[name]["refused"] for name in REFUSED} == {reason.value for reason in Reason}
    for name in REFUSED:
        assert name.startswith(("order-", VECTORS[name]["refused"].replace("_", "-")))


def test_every_cause_has_a_vector() -> None:
    """Every refusal reason and every reason not to open has a vector."""
    causes = {opened["unopenable"] for name in ADMITTED for opened in VECTORS[name]["opened"] if "unopenable" in opened}
    assert causes == CAUSES


def test_every_vector_says_what_it_is() -> None:
    """One sentence each, and either admitted or refused."""
    for name, vector in VECTORS.items():
        assert vector["description"].endswith("."), name
        assert ("admitted" in vector) != ("refused" in vector), name
