"""Make ``tests/vectors/files``: run it when clause 19 of the specification changes, never otherwise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from yizhan.schemas import merkle
from yizhan.schemas.envelope import padded_length
from yizhan.schemas.files import CHUNK_BYTES, chunk_count, seal_chunk, write_record

FOLDER: Final = Path(__file__).parent / "files"
FILES: Final = {
    "one-byte": ("a7", 1, "text/plain", "一.txt"),
    "one-chunk": ("00112233445566778899aabbccddeeff", 20_000, "text/csv", "表.csv"),
    "just-one-chunk": ("5a", CHUNK_BYTES, "text/plain", "满.txt"),
    "three-chunks": ("ffd8ffe000104a464946", 130_000, "image/jpeg", "现场.jpg"),
}
FAULTS: Final = ({"flip": 32}, {"flip": 8 * 41}, {"cut": 60}, {"place": 1}, {"of": 2}, {"of": 0})


def sealed(key: bytes, plain: bytes) -> tuple[bytes, list[bytes], list[bytes]]:
    """Return root, chunks and records of a file."""
    count = chunk_count(len(plain))
    whole = plain.ljust(padded_length(len(plain)), b"\0")
    chunks = [
        seal_chunk(key, i, whole[i * CHUNK_BYTES : (i + 1) * CHUNK_BYTES], last=i == count - 1) for i in range(count)
    ]
    leaves = [merkle.leaf_hash(chunk) for chunk in chunks]
    root = merkle.root(leaves)
    return root, chunks, [write_record(root, i, leaves, chunk) for i, chunk in enumerate(chunks)]


def vector(name: str, hex_: str, times: int, media: str, called: str) -> dict[str, Any]:
    """Make one vector."""
    key, plain = hashlib.sha256(name.encode()).digest(), bytes.fromhex(hex_) * times
    root, chunks, records = sealed(key, plain)
    return {
        "plain": {"hex": hex_, "times": times},
        "attachment": {
            "name": called,
            "sha256": hashlib.sha256(plain).hexdigest(),
            "bytes": len(plain),
            "media_type": media,
            "sealed": {"key": key.hex(), "root": root.hex()},
        },
        "records": [
            {"sha256": hashlib.sha256(record).hexdigest(), "chunk": hashlib.sha256(chunk).hexdigest()}
            for record, chunk in zip(records, chunks, strict=True)
        ],
        "faults": [fault for fault in FAULTS if fault != {"of": len(chunks)}],
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, made in FILES.items():
        text = json.dumps(vector(name, *made), indent=2, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
