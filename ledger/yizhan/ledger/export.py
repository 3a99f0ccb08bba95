"""The log as files for a web server or a memory stick: everything up to one checkpoint, nothing else.

Rule 1: tiles, bundles and checkpoints are public; the statements are exported only on request, for the
        auditor: they say who wrote to whom.
Rule 2: an export can be continued; an existing file with other bytes is an error, as in the log itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yizhan.ledger.errors import LogDamaged
from yizhan.ledger.files import Folder
from yizhan.ledger.log_source import CHECKPOINT, FINAL, VERIFIER_KEY, LogFolder, Tiles
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.ledger.verify import read_checkpoint, statements_path, verifier_keys
from yizhan.schemas import tiles
from yizhan.schemas.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yizhan.ledger.statements import Statements
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.checkpoints import OpenedCheckpoint


def export(
    log: Path,
    target: Path,
    charters: Charters,
    *,
    statements: Statements | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> OpenedCheckpoint:
    """Write the log at its newest checkpoint; return that checkpoint.

    Args:
        log: the folder that holds ``checkpoint``; it may be written at the same time.
        target: created if absent.
        charters: versions with the keys to check with.
        statements: exported too; None: hashes only.
        progress: called with the number of leaves written so far.

    Raises:
        LogDamaged: a file is missing, or its content is not what its path says; or the target has other bytes.
        NotWritten: the disk is full or fails.
    """
    source = LogFolder(log)
    newest = read_checkpoint(source, CHECKPOINT, charters)
    if newest is None:
        raise LogDamaged(CHECKPOINT, "is missing: there is no log yet; start the ledger", hint=Action.to("ledger.run"))
    final, size = read_checkpoint(source, FINAL, charters), newest.checkpoint.size
    reader, builder, files = Tiles(source, size, log), TreeBuilder(), Folder(target)
    for number in range(-(-size // tiles.WIDTH)):
        width = tiles.tile_width(0, number, size)
        entries = tiles.read_bundle(reader.bundle(number))[:width]
        for path, content in builder.extend(entries):
            files.put(path, content)
        if statements is not None:
            first = number * tiles.WIDTH
            lines = [each + b"\n" for each in statements.read(first, first + width)]
            files.replace(statements_path(number), b"".join(lines))
        progress(builder.size)
    if builder.root() != newest.checkpoint.root:
        hint = Action.to("audit.verify", where=log)
        raise LogDamaged(str(log), "its entries do not match its signed checkpoint; verify it", hint=hint)
    files.sync()
    files.replace(VERIFIER_KEY, verifier_keys(newest)[0])
    if final is not None and final.checkpoint.size <= size:
        files.replace(FINAL, final.note.to_bytes())
    files.replace(CHECKPOINT, newest.note.to_bytes())
    return newest
