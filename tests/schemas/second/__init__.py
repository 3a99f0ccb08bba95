"""A second implementation of the wire specification, to show that the specification is enough.

Rule 1: written from ``schemas/README.md`` alone; imports nothing of ours. A number in a comment is
        the clause that it carries out.
Rule 2: of ``cryptography`` only primitives are used: no HPKE, so that clause 6.7 is tried as well.
Rule 3: plain rather than fast; it reads and stamps, it does not seal.
"""

from tests.schemas.second.admission import Admitted, admit
from tests.schemas.second.basics import Invalid, Refused, Unopenable
from tests.schemas.second.charter import Charter, load_charter
from tests.schemas.second.envelope import open_envelope, sealing_kid
from tests.schemas.second.files import CHUNK, file_chunks, seal_file
from tests.schemas.second.merkle import check_inclusion
from tests.schemas.second.statements import postmark
from tests.schemas.second.strict import instant

__all__ = [
    "CHUNK",
    "Admitted",
    "Charter",
    "Invalid",
    "Refused",
    "Unopenable",
    "admit",
    "check_inclusion",
    "file_chunks",
    "instant",
    "load_charter",
    "open_envelope",
    "postmark",
    "seal_file",
    "sealing_kid",
]
