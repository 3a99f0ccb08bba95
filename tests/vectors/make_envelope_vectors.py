"""Make the fixed vectors of the envelope: ``python -m tests.vectors.make_envelope_vectors``.

Rule 1: what is there is never written again. HPKE is randomised, so a second run gives other bytes that mean
        the same; the stored bytes are the vectors, and a change of them is a change of the contract.
Rule 2: whatever can be fixed is fixed: keys come from seeds, times are constants.
Rule 3: each file stands alone but for the charter, and names every private key that it needs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.vectors import envelope_edges, envelope_good, envelope_malformed, envelope_refused, envelope_words
from tests.vectors.maker import Maker

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).parent / "envelope"
STEPS: Final[tuple[Callable[[Maker], None], ...]] = (
    *envelope_good.STEPS,
    envelope_malformed.framing,
    *envelope_refused.STEPS,
    envelope_malformed.headers,
    *envelope_edges.STEPS,
    *envelope_words.STEPS,
)


def main() -> None:
    """Write every file that is not there yet."""
    make = Maker()
    for step in STEPS:
        step(make)
    for name, vector in make.made.items():
        file = FOLDER / f"{name}.json"
        if not file.exists():
            file.write_text(json.dumps(vector, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
