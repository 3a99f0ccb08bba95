"""The contract between counties and station: what may be said, byte for byte.

Rule 1: pure. Time, randomness, keys and policy are arguments; nothing here reads a clock, a
        network or, but for key and charter files, a disk.
Rule 2: imports nothing else of ours, so that anyone can check what anyone else decided.
"""

from yizhan.schemas.admit import Admitted, Record, admit, verify
from yizhan.schemas.charter import AdoptedCharters, Charter, Charters, Standing, load_charter
from yizhan.schemas.envelope import VerifiedEnvelope, open_verified, parse_envelope, seal
from yizhan.schemas.errors import Reason, Refused, YizhanError
from yizhan.schemas.header import Header
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.policy import Decision, Way, decide

__all__ = [
    "Admitted",
    "AdoptedCharters",
    "Charter",
    "Charters",
    "Decision",
    "Header",
    "Reason",
    "Record",
    "Refused",
    "SealingKey",
    "SigningKey",
    "Standing",
    "VerifiedEnvelope",
    "Way",
    "YizhanError",
    "admit",
    "decide",
    "load_charter",
    "open_verified",
    "parse_envelope",
    "seal",
    "verify",
]
