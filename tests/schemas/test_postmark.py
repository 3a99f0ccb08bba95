"""Postmarks: what the station says about one record."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.world.simulator import NOW, START, World, load, seed
from yizhan.schemas import dsse, postmark, strictjson
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.errors import Reason, StatementInvalid
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.postmark import CONTENT_TYPE, Origin, Postmark
from yizhan.schemas.sample import charter_files
from yizhan.schemas.statements import read_dated, read_statement
from yizhan.schemas.timestamps import written

WORLD = World()
ORIGIN = {"cluster": "c", "topic": "yizhan.events.350924", "partition": 0, "offset": 7}
COMMON: dict[str, Any] = {
    "record_sha256": "0" * 64,
    "origin": ORIGIN,
    "received": written(NOW),
    "charter": WORLD.charter.name,
}
ADMITTED: dict[str, Any] = COMMON | {
    "id": "350924-20261123test-1",
    "hash": "1" * 64,
    "decisions": {"331126": {"way": "alarm", "rule": "fire"}},
}
REFUSED: dict[str, Any] = COMMON | {"refused": "bad_signature", "detail": "the signature does not hold"}


def signed(values: dict[str, Any], key: SigningKey = WORLD.station, kind: str = CONTENT_TYPE) -> bytes:
    """Sign any JSON as a postmark."""
    return dsse.sign(kind, strictjson.dumps(values), key)


def test_the_stations_word_is_read() -> None:
    """A postmark that the station signed comes back whole, with its hash."""
    value = WORLD.event()
    said, said_hash = read_statement(Postmark, WORLD.postmark(value), WORLD.charter)
    assert said.record_sha256 == hashlib.sha256(value).hexdigest()
    assert said.decisions is not None
    assert said.decisions["331126"].way == "alarm"
    assert len(said_hash) == 32


@pytest.mark.parametrize(
    "values",
    [
        ADMITTED,
        REFUSED,
        ADMITTED | {"clock_suspect": True},
        COMMON | {"refused": "malformed"},
        REFUSED | {"first": 0},
        REFUSED | {"first": 6},
    ],
)
def test_it_admits_or_refuses(values: dict[str, Any]) -> None:
    """Both kinds are written and read, and writing again gives the same bytes."""
    mark = Postmark.model_validate(values)
    data = mark.signed(WORLD.station)
    assert data == Postmark.model_validate(values).signed(WORLD.station)
    assert read_statement(Postmark, data, WORLD.charter)[0] == mark
    assert b"null" not in mark.payload()


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_be_told(reason: Reason) -> None:
    """Each word of the closed list fits into a postmark, as it is."""
    assert json.loads(Postmark.model_validate(COMMON | {"refused": reason.value}).payload())["refused"] == reason.value


WRONG: list[dict[str, Any]] = [
    COMMON,
    ADMITTED | REFUSED,
    ADMITTED | {"detail": "why"},
    REFUSED | {"clock_suspect": True},
    REFUSED | {"id": ADMITTED["id"]},
    REFUSED | {"decisions": {}},
    ADMITTED | {"decisions": {}},
    ADMITTED | {"decisions": {"33112": {"way": "alarm", "rule": "fire"}}},
    ADMITTED | {"decisions": {"331126": {"way": "siren", "rule": "fire"}}},
    ADMITTED | {"decisions": {"331126": {"way": "alarm", "rule": ""}}},
    ADMITTED | {"clock_suspect": False},
    ADMITTED | {"hash": "1" * 63},
    ADMITTED | {"received": "2026-11-23"},
    ADMITTED | {"origin": ORIGIN | {"offset": -1}},
    ADMITTED | {"origin": ORIGIN | {"topic": ""}},
    ADMITTED | {"note": "x"},
    REFUSED | {"refused": "tired"},
    REFUSED | {"first": 7},
    REFUSED | {"first": -1},
    ADMITTED | {"first": 6},
    REFUSED | {"detail": "x" * 1001},
    *({name: value for name, value in ADMITTED.items() if name != missing} for missing in ADMITTED),
]


@pytest.mark.parametrize("values", WRONG, ids=str)
def test_nothing_between_is_a_postmark(values: dict[str, Any]) -> None:
    """Half admitted, both, empty or with something else: the station cannot say it, a reader does not take it."""
    with pytest.raises(ValidationError):
        Postmark.model_validate(values)
    with pytest.raises(StatementInvalid, match="signed by the station, but"):
        read_statement(Postmark, signed(values), WORLD.charter)


def test_null_is_no_postmark() -> None:
    """What is absent is left out here too."""
    with pytest.raises(StatementInvalid, match="null"):
        read_statement(Postmark, signed(ADMITTED | {"detail": None}), WORLD.charter)


def test_only_the_stations_key_makes_one() -> None:
    """A county's key, a stranger's, or the same words under another type do not verify."""
    for key in (WORLD.counties["350924"].signing, SigningKey.from_seed(seed("stranger"))):
        with pytest.raises(StatementInvalid, match="does not name"):
            read_statement(Postmark, signed(ADMITTED, key), WORLD.charter)
    with pytest.raises(StatementInvalid, match="expected a statement of type"):
        read_statement(Manifest, signed(ADMITTED), WORLD.charter)
    with pytest.raises(StatementInvalid, match="expected a statement of type"):
        read_statement(Postmark, signed(ADMITTED, kind="application/vnd.yizhan.envelope.v1"), WORLD.charter)


def test_the_key_must_have_held_when_it_was_received() -> None:
    """A postmark of a time before the key's is not believed."""
    early = ADMITTED | {"received": written(START - timedelta(milliseconds=1))}
    with pytest.raises(StatementInvalid, match="does not hold"):
        read_statement(Postmark, signed(early), WORLD.charter)


def test_a_statement_is_read_under_the_charter_of_its_time() -> None:
    """The station's key of each time signs for that time, and for no other."""
    turn = START + timedelta(days=30)
    new = SigningKey.from_seed(seed("station postmark 2"))
    members = {code: county.public for code, county in WORLD.counties.items()}
    second = load(charter_files(members, [new.public], not_before=turn), 2, turn)
    charters = AdoptedCharters([WORLD.charter, second])
    before, after = (ADMITTED | {"received": written(turn + timedelta(days=days))} for days in (-1, 1))
    assert read_dated(Postmark, signed(before), charters)[2] is WORLD.charter
    assert read_dated(Postmark, signed(after, new), charters)[2] is second
    for wrong in (signed(before, new), signed(after)):
        with pytest.raises(StatementInvalid):
            read_dated(Postmark, wrong, charters)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"received":1}', b'{"received":"now"}', b'{"received":null}', b"\xff"]
)
def test_a_statement_without_its_time_is_invalid(payload: bytes) -> None:
    """What cannot be dated is StatementInvalid, and nothing else is raised."""
    with pytest.raises(StatementInvalid):
        read_dated(Postmark, dsse.sign(CONTENT_TYPE, payload, WORLD.station), WORLD.charters)


def test_an_origin_is_written_as_a_key() -> None:
    """topic/partition/offset: never a null key."""
    assert str(Origin.model_validate(ORIGIN)) == "yizhan.events.350924/0/7"


def test_it_travels_under_one_name() -> None:
    """The Kafka header's name and the type are the contract's."""
    assert postmark.KAFKA_HEADER == "yizhan-postmark"
    assert CONTENT_TYPE == "application/vnd.yizhan.postmark.v1+json"
