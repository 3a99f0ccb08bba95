"""Make the fixed vectors of everything but envelopes: ``python -m tests.vectors.make_contract_vectors``.

Rule 1: what is there is never written again: the stored bytes are the vectors.
Rule 2: each case says whether it is good before anybody is asked; an answer that differs stops the run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.vectors.contract_charters import charters
from tests.vectors.contract_keys import Case, entries, keys, names
from tests.vectors.contract_log import FOLDER, checkpoints, proofs, write_charter
from tests.vectors.contract_opens import opens
from tests.vectors.contract_readers import digests, postmarks, receipts
from tests.vectors.contract_records import counterfoils, versions
from tests.vectors.contract_statements import statements
from tests.vectors.contract_tuf import tuf
from tests.vectors.judge import JUDGES, VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KINDS: Final[Mapping[str, Callable[[], Iterator[Case]]]] = {
    "keys": keys,
    "names": names,
    "entries": entries,
    "charters": charters,
    "statements": statements,
    "versions": versions,
    "opens": opens,
    "counterfoils": counterfoils,
    "checkpoints": checkpoints,
    "proofs": proofs,
    "tuf": tuf,
    "postmarks": postmarks,
    "receipts": receipts,
    "digests": digests,
}
NO: Final = {"refused", "loads", "good", "binds", "accepted", "believed"}


def is_good(expected: Mapping[str, object]) -> bool:
    """Return whether an answer takes what it was asked of."""
    return "refused" not in expected and all(expected[name] is not False for name in NO & expected.keys())


def main() -> None:
    """Write every file that is not there yet."""
    write_charter(VECTORS / FOLDER)
    for kind, cases in KINDS.items():
        folder = VECTORS / kind
        folder.mkdir(exist_ok=True)
        for name, description, vector, good in cases():
            assert description.endswith("."), (kind, name)
            file = folder / f"{name}.json"
            if file.exists():
                continue
            expected = JUDGES[kind](vector)
            assert is_good(expected) == good, (kind, name, expected)
            made = {"description": description, **vector, "expected": expected}
            file.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
