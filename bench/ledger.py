"""The ledger compared with Tessera: appending with fsync, verifying a million entries, and the receipt of a statement.

References are programs of github.com/transparency-dev/tessera v1.0.4, run on the same disk in the same run:
``posix-oneshot`` writes the same entries (into files, one an entry, as it wants them), ``fsck`` checks the
log that ours wrote. A receipt is the checkpoint on the topic that covers a statement.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.harness import peak_mib, percentile, say, significant, summary
from tests.ledger.fsck import fsck, tool
from tests.world.ledger import LATER, LedgerWorld, numbered
from yizhan.ledger.log import MAX_BATCH
from yizhan.ledger.log_source import LogFolder
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.ledger.verify import verify
from yizhan.schemas import topics
from yizhan.schemas.checkpoints import Checkpoint, sign_checkpoint
from yizhan.schemas.errors import Reason
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.logrecords import read_entries
from yizhan.schemas.postmark import Origin, Postmark
from yizhan.schemas.proofs import entry_of
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness import Ground

APPENDED: Final = 20_000
SIZES: Final = (10_000, 100_000, 1_000_000)
RUNS: Final = 3
RECEIPTS: Final = 2_000
PER_SECOND: Final = 100
_RECEIPT_SECONDS: Final = 60.0
_TESSERA_KEY_NAME: Final = "example.com/log"


def measure(ground: Ground) -> dict[str, Any]:
    """Measure all three."""
    world, folder = LedgerWorld(), Path(tempfile.mkdtemp(prefix="yizhan-bench-ledger-"))
    try:
        return {"append": _append(world, folder), "verify": _verify(world, folder), "receipt": _receipt(ground)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- appending --


def _append(world: LedgerWorld, folder: Path) -> dict[str, Any]:
    """Entries a second that are synced, in the log and under a checkpoint, ours and Tessera's in turns."""
    entries = folder / "entries"
    entries.mkdir()
    said = numbered(0, APPENDED)
    for number, each in enumerate(said):
        (entries / f"{number:06d}").write_bytes(each.statement)
    ours, theirs = [], []
    for run in range(RUNS):
        with world.log(folder / f"ours-{run}") as log:
            begun = time.monotonic()
            for first in range(0, APPENDED, MAX_BATCH):
                log.append(said[first : first + MAX_BATCH], {"bench": first})
                log.publish(world.ledger, LATER)
            ours.append(APPENDED / (time.monotonic() - begun))
        theirs.append(APPENDED / _oneshot(folder / f"theirs-{run}", entries))
        say(f"ledger: append {ours[-1]:.0f} entries/s, posix-oneshot {theirs[-1]:.0f}")
    found, reference = summary(ours), summary(theirs)
    return {
        "what": f"{APPENDED} entries; ours {MAX_BATCH} at a time, each batch synced, signed and published, the "
        "statements kept; reference: posix-oneshot of Tessera, all entries in one batch, its process included",
        "entries_per_second": found,
        "reference_entries_per_second": reference,
        "ratio": significant(found["median"] / reference["median"]),
    }


def _oneshot(target: Path, entries: Path) -> float:
    """Let Tessera write a log of a folder's files; seconds."""
    key = target.with_suffix(".key")
    seed = os.urandom(32)
    key_id = (
        hashlib.sha256(_TESSERA_KEY_NAME.encode() + b"\n\1" + SigningKey.from_seed(seed).public.raw).digest()[:4].hex()
    )
    key.write_text(f"PRIVATE+KEY+{_TESSERA_KEY_NAME}+{key_id}+{base64.b64encode(bytes([1]) + seed).decode()}")
    program = tool("examples/posix-oneshot")
    begun = time.monotonic()
    subprocess.run(
        [program, f"--storage_dir={target}", f"--private_key={key}", f"--entries={entries}/*"],
        check=True,
        capture_output=True,
    )
    spent = time.monotonic() - begun
    assert f"\n{APPENDED}\n" in (target / "checkpoint").read_text("utf-8")
    return spent


# -- verifying --


def _verify(world: LedgerWorld, folder: Path) -> dict[str, Any]:
    """Seconds for a million entries compared with fsck; µs per entry and memory from ten thousand on."""
    spent: dict[int, list[float]] = {size: [] for size in SIZES}
    peak: dict[int, float] = {}
    reference = []
    for size in SIZES:
        _write(world, folder / str(size), size)
    for _ in range(RUNS):
        for size in SIZES:
            words = [sys.executable, "-m", "bench.ledger", str(folder / str(size))]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            seconds, mib = done.stdout.split()
            spent[size].append(float(seconds))
            peak[size] = float(mib)
        begun = time.monotonic()
        fsck(world, folder / str(SIZES[-1]))
        reference.append(time.monotonic() - begun)
        say(f"ledger: verify {SIZES[-1]} in {spent[SIZES[-1]][-1]:.2f} s, fsck in {reference[-1]:.2f} s")
    ours, theirs = summary(spent[SIZES[-1]]), summary(reference)
    each = {size: summary(runs)["median"] / size * 1e6 for size, runs in spent.items()}
    return {
        "what": "every entry, tile and signature of a log; reference: Tessera's fsck, its process included",
        "seconds": ours,
        "reference_seconds": theirs,
        "ratio": significant(ours["median"] / theirs["median"]),
        "us_per_entry": {str(size): significant(value) for size, value in each.items()},
        "us_per_entry_ratio": significant(each[SIZES[-1]] / each[SIZES[0]]),
        "peak_mib": {str(size): significant(value) for size, value in peak.items()},
        "peak_mib_ratio": significant(peak[SIZES[-1]] / peak[SIZES[0]]),
    }


def _write(world: LedgerWorld, folder: Path, size: int) -> None:
    """Write a log's files without syncing them: it is the reading that is measured."""
    builder = TreeBuilder()
    for first in range(0, size, 65_536):
        entries = [entry_of(b"statement %d" % number) for number in range(first, min(size, first + 65_536))]
        for path, content in builder.extend(entries):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    checkpoint = Checkpoint(world.origin, size, builder.root())
    signed = sign_checkpoint(checkpoint, world.ledger.signing, world.ledger.cosigning, LATER)
    (folder / "checkpoint").write_bytes(signed)


def check(folder: Path) -> None:
    """Verify a log in this process, and print seconds and peak memory (MiB)."""
    world = LedgerWorld()
    begun = time.monotonic()
    verify(LogFolder(folder), world.charters)
    print(time.monotonic() - begun, peak_mib())


# -- a statement's receipt --


def _receipt(ground: Ground) -> dict[str, Any]:
    """Seconds from a statement's acknowledgement by the broker to a checkpoint on the topic that covers it."""
    marker, *statements = (_postmark(ground, number) for number in range(RECEIPTS + 1))
    start, sent = ground.end(topics.CHECKPOINTS), []
    with (
        ground.process(ground.yizhan("ledger", "run"), "ledger: ready"),
        ground.producer(topics.STATION) as producer,
    ):
        producer.send(topics.AUDIT, value=marker, partition=0).get(timeout=10)
        _covered(ground, start, [marker])  # what other measurements have said is in the log by now
        begun = time.monotonic()
        for number, statement in enumerate(statements):
            time.sleep(max(0.0, begun + number / PER_SECOND - time.monotonic()))
            producer.send(topics.AUDIT, value=statement, partition=0).get(timeout=10)
            sent.append(time.time())
        covered = _covered(ground, start, statements)
    waits = [covered[statement] - at for statement, at in zip(statements, sent, strict=True)]
    return {
        "what": f"{RECEIPTS} statements, {PER_SECOND} a second, one checkpoint a second at most; from the "
        "acknowledgement of a statement to the append time of the checkpoint that covers it",
        "p50_seconds": significant(percentile(waits, 0.5)),
        "p99_seconds": significant(percentile(waits, 0.99)),
        "checkpoints": len(set(covered.values())),
    }


def _postmark(ground: Ground, number: int) -> bytes:
    origin = Origin(cluster="bench-ledger", topic=topics.events("350924"), partition=0, offset=number)
    return Postmark(
        record_sha256=hashlib.sha256(b"%d" % number).hexdigest(), origin=origin, received=written(datetime.now(UTC)),
        charter=ground.charters.latest().name, refused=Reason.MALFORMED, detail="a statement to be measured",
    ).signed(ground.station)  # fmt: skip


def _covered(ground: Ground, start: int, statements: Sequence[bytes]) -> dict[bytes, float]:
    """Read the checkpoints from an offset on until all statements are covered; the append time for each."""
    consumer = ground.consumer("admin", topics.CHECKPOINTS, start)
    wanted = {entry_of(statement): statement for statement in statements}
    waiting, covered = list[bytes](), dict[bytes, float]()
    deadline = time.monotonic() + _RECEIPT_SECONDS
    try:
        while len(covered) < len(statements):
            assert time.monotonic() < deadline, f"{len(covered)} of {len(statements)} statements are covered"
            for record in (record for batch in consumer.poll(timeout_ms=200).values() for record in batch):
                entries = read_entries(record.value)
                if entries is not None:
                    waiting += [wanted[entry] for entry in entries[1] if entry in wanted]
                    continue
                covered |= dict.fromkeys(waiting, record.timestamp / 1000)
                waiting = []
    finally:
        consumer.close()
    return covered


if __name__ == "__main__":
    check(Path(sys.argv[1]))
