"""Checkpoints of the log, as people and programs read them."""

from __future__ import annotations

from typing import Any

from yizhan.cli.output import fields_of, tell
from yizhan.schemas.checkpoints import OpenedCheckpoint
from yizhan.schemas.i18n import _
from yizhan.services.audit_text import cosigners
from yizhan.services.home import Home


def checkpoint_json(opened: OpenedCheckpoint) -> dict[str, Any]:
    """Return a checkpoint for programs."""
    checkpoint = fields_of(opened.checkpoint, "origin size root")
    return {**checkpoint, **fields_of(opened, "at final"), "cosigned": sorted(opened.cosigned)}


def quorum_json(opened: OpenedCheckpoint | None) -> dict[str, Any] | None:
    """Return a checkpoint with the quorum that its charter asks for; None for none."""
    return None if opened is None else checkpoint_json(opened) | {"quorum": opened.charter.quorum}


def tell_checkpoint(home: Home, opened: OpenedCheckpoint) -> None:
    """Print the checkpoint that an audit stands on."""
    sentence = _("以检查点 {size} 条为准（{state}，{at}），根 {root}；会签：{members}")
    tell(
        sentence.format(
            size=opened.checkpoint.size,
            state=_("已定局") if opened.final else _("尚未定局"),
            at=home.local_time(opened.at),
            root=opened.checkpoint.root.hex(),
            members=cosigners(home, opened) or _("无"),
        )
    )
