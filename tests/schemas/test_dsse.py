"""DSSE: bytes in, verified payload out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.simulator import seed
from yizhan.schemas import dsse
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.keys import SigningKey, SigningPublicKey

KEY, OTHER = SigningKey.from_seed(seed("dsse")), SigningKey.from_seed(seed("other"))
KIND = "application/vnd.example+json"
PAYLOAD = b'{"a":1}'
GOOD = dsse.sign(KIND, PAYLOAD, KEY)
DOCUMENT: dict[str, Any] = json.loads(GOOD)


def key_of(kid: str) -> SigningPublicKey | None:
    """Trust one key."""
    return KEY.public if kid == KEY.kid else None


def document(**changes: Any) -> bytes:  # noqa: ANN401 -- any JSON
    """Write the good document with something else in it."""
    return json.dumps(DOCUMENT | changes).encode()


def signature(**changes: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- any JSON
    """Write its signatures with something else in them."""
    return [DOCUMENT["signatures"][0] | changes]


def test_the_specifications_own_example() -> None:
    """The PAE and the ECDSA signature of the DSSE protocol's test vector come out as printed there."""
    pae = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert pae == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    point = EllipticCurvePublicNumbers(
        x=46950820868899156662930047687818585632848591499744589407958293238635476079160,
        y=5640078356564379163099075877009565129882514886557779369047442380624545832820,
        curve=SECP256R1(),
    )
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    point.public_key().verify(encode_dss_signature(r, s), pae, ECDSA(hashes.SHA256()))


@given(
    kind=st.text(max_size=20), payload=st.binary(max_size=50), other=st.text(max_size=20), rest=st.binary(max_size=50)
)
def test_two_statements_are_never_one(kind: str, payload: bytes, other: str, rest: bytes) -> None:
    """Different type or payload, different bytes under the signature."""
    assert (dsse.pae(kind, payload) == dsse.pae(other, rest)) == ((kind, payload) == (other, rest))


@given(payload=st.binary(max_size=500))
def test_what_was_signed_is_read(payload: bytes) -> None:
    """Any payload comes back, with its signer and a hash; signing again gives the same bytes."""
    data = dsse.sign(KIND, payload, KEY)
    statement = dsse.verify(data, KIND, key_of)
    assert (statement.payload, statement.kid, len(statement.hash)) == (payload, KEY.kid, 32)
    assert dsse.sign(KIND, payload, KEY) == data
    assert dsse.unverified_payload(data) == payload


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"1", b'"x"', b"{}", b"\xff", b"[" * 100_000,
        document(payloadType="application/other"),
        document(payloadType=None),
        document(payloadType=[KIND]),
        document(payload=None),
        document(payload=1),
        document(payload=[1]),
        document(payload="!"),
        document(payload="eyJhIjoxfR=="),
        document(payload="eyJhIjoxfQ"),
        document(payload="eyJh\nIjoxfQ=="),
        document(payload="ｅyJhIjoxfQ=="),
        document(payload=DOCUMENT["payload"] + "===="),
        document(payload=base64.b64encode(b'{"a":2}').decode()),
        document(signatures=[]),
        document(signatures=None),
        document(signatures={}),
        document(signatures="x"),
        document(signatures={"sig": 1}),
        document(signatures=DOCUMENT["signatures"] * 2),
        document(signatures=[None]),
        document(signatures=[[]]),
        document(signatures=signature(keyid=OTHER.kid)),
        document(signatures=signature(keyid=None)),
        document(signatures=signature(keyid={})),
        document(signatures=signature(keyid="\x1b[2J")),
        document(signatures=signature(sig="")),
        document(signatures=signature(sig=None)),
        document(signatures=signature(sig=base64.b64encode(bytes(64)).decode())),
        document(signatures=signature(sig=base64.b64encode(bytes(63)).decode())),
        GOOD + GOOD,
        GOOD[:-1] + b',"payload":"eyJhIjoxfQ=="}',
        b" " * dsse.MAX_BYTES + GOOD,
        dsse.sign(KIND, PAYLOAD, OTHER),
    ],
    ids=lambda data: ascii(data)[:60],
)  # fmt: skip
def test_what_does_not_verify_is_not_returned(data: bytes) -> None:
    """Another type, key, signature, spelling or shape: StatementInvalid, and nothing to read."""
    with pytest.raises(StatementInvalid) as error:
        dsse.verify(data, KIND, key_of)
    assert "\x1b" not in str(error.value)


def test_a_flipped_bit_is_never_accepted_as_something_else() -> None:
    """Every single-bit flip of a statement is refused, or changes nothing that is said."""
    for at in range(len(GOOD)):
        for bit in range(8):
            flipped = GOOD[:at] + bytes([GOOD[at] ^ 1 << bit]) + GOOD[at + 1 :]
            with pytest.raises(StatementInvalid):
                dsse.verify(flipped, KIND, key_of)


@pytest.mark.exhaustive
@settings(max_examples=300)
@given(data=st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig"]), inner, max_size=5),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_bytes_are_a_statement_or_invalid(data: bytes) -> None:
    """Nothing but StatementInvalid is raised."""
    with pytest.raises(StatementInvalid):
        dsse.verify(data, KIND, key_of)
