"""Seal, verify and open, compared with the bare primitives, in microseconds on one core."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import other_tools
from bench.harness import percentile, significant
from bench.throughput import PARTNER, PAYLOAD, SOURCE, envelopes
from yizhan.schemas.admit import verify
from yizhan.schemas.envelope import open_verified, parse_envelope, seal
from yizhan.schemas.header import parse_header
from yizhan.schemas.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness import Ground

ROUNDS = 400


def _microseconds(work: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Median time of two pieces of work, taken in turn."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for one, times in zip((work, other), spent, strict=True):
            begun = time.perf_counter()
            one()
            times.append((time.perf_counter() - begun) * 1e6)
    return percentile(spent[0], 0.5), percentile(spent[1], 0.5)


def measure(ground: Ground) -> dict[str, Any]:
    """Return µs of each operation on a 1 KiB event, of its primitives, and the ratio."""
    charter = ground.charters.latest()
    signer, recipient = ground.signing[SOURCE], ground.sealing[PARTNER]
    (value,) = envelopes(ground, 1, "crypto")
    envelope = parse_envelope(value)
    header = parse_header(envelope.unverified_header)
    received = instant(header.time)
    verified = verify(value, charter, received)
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    secret, nonce, info = os.urandom(32), bytes(12), b"bench"
    wrapped = suite.encrypt(secret, recipient.public.hpke, info)
    sealed = AESGCM(secret).encrypt(nonce, PAYLOAD, info)

    def primitives_seal() -> None:
        suite.encrypt(secret, recipient.public.hpke, info)
        AESGCM(secret).encrypt(nonce, PAYLOAD, info)
        signer.sign(envelope.signed)

    def primitives_open() -> None:
        suite.decrypt(wrapped, recipient.hpke, info)
        AESGCM(secret).decrypt(nonce, sealed, info)

    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "seal": (lambda: seal(header, PAYLOAD, [recipient.public], signer), primitives_seal),
        "verify": (
            lambda: verify(value, charter, received),
            lambda: signer.public.verifies(envelope.signature, envelope.signed),
        ),
        "open": (lambda: open_verified(verified, [recipient]), primitives_open),
    }
    results: dict[str, Any] = {"what": "median µs for a 1 KiB event; reference: the bare primitives of suite 1"}
    for name, (ours, bare) in pairs.items():
        mine, theirs = _microseconds(ours, bare)
        results[name] = {
            "us": significant(mine),
            "reference_us": significant(theirs),
            "ratio": significant(mine / theirs),
        }
    return {**results, "other_tools": other_tools.measure()}
