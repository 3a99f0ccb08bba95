"""The last part: the log of the day is cosigned, a proof exported, a pair reconciled, and deletions are found.

Rule 1: whoever verifies here has the charter and the files, and nothing that runs.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.demo.reconciling import reconcile_pair
from yizhan.demo.scenario import QINGYUAN
from yizhan.demo.stage import wait_for
from yizhan.ledger.log import PUBLIC
from yizhan.ledger.log_source import FINAL, LogFolder
from yizhan.ledger.statements import FILE, Statements
from yizhan.ledger.verify import read_checkpoint, statements_path
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.proofs import SUFFIX

if TYPE_CHECKING:
    from yizhan.demo.play import Day
    from yizhan.schemas.checkpoints import OpenedCheckpoint

CARRIED: Final = "carried"
"""Folder with the proof and the charter: all that its reader needs."""
EXPORTED: Final = "audit"


def audit(day: Day) -> dict[str, Any]:
    """Play the act; its figures."""
    stage, account = day.stage, day.account
    stage.start_ledger()
    final = wait_for(_("账本由法定多数会签，见 logs/ledger.log"), partial(_final, day))
    names = join_list(account.name(code) for code in sorted(final.cosigned))
    sentence = _("   账本 {size} 条已定局，会签：{members}")
    account.line(sentence.format(size=final.checkpoint.size, members=names))
    _county, fire = day.sent["fire"]
    proof = stage.home / CARRIED / f"{fire.id}{SUFFIX}"
    shutil.copytree(stage.home / "station" / "charter", proof.parent / "charter")
    stage.yizhan("ledger", "prove", fire.id, "--county", QINGYUAN, "--out", str(proof))
    verified = _alone(day, proof.parent, "ledger", "verify-proof", str(proof))
    day.check(verified.returncode == 0, f"{proof.name}: {verified.stderr.strip()}")
    account.line("   " + _("{county}带走一份证明，只凭它和章程核验无误：{path}").format(
        county=account.name(QINGYUAN), path=proof
    ))  # fmt: skip
    exported = stage.home / EXPORTED
    stage.yizhan("audit", "export", str(exported), "--statements")
    whole = _alone(day, proof.parent, "audit", "verify", str(exported))
    day.check(whole.returncode == 0, f"{exported}: {whole.stderr.strip()}")
    found_in = _find_deletion(day, exported, proof.parent)
    reconciled = reconcile_pair(day, exported, proof.parent, partial(_alone, day))
    return {
        "statements": final.checkpoint.size,
        "cosigned": len(final.cosigned),
        "quorum": final.charter.quorum,
        "proof_verified": verified.returncode == 0,
        "log_verified": whole.returncode == 0,
        "deletion_found_in": found_in,
        **reconciled,
    }


def _final(day: Day) -> OpenedCheckpoint | None:
    """Return the final checkpoint once it covers every statement of the day, the closing manifests included."""
    folder = day.stage.home / "ledger"
    opened = read_checkpoint(LogFolder(folder / PUBLIC), FINAL, AdoptedCharters([day.stage.charter]))
    with Statements(folder / FILE) as statements:
        size = statements.size
        known = all(statements.of_event(sent.id) for _county, sent in day.sent.values())
    complete = opened is not None and known and opened.checkpoint.size == size and day.stage.ledger_is_idle()
    return opened if complete else None


def _find_deletion(day: Day, exported: Path, carried: Path) -> str | None:
    """Delete one statement from the exported log; return the file that the verifier names."""
    harmed = exported.with_name(f"{EXPORTED}-harmed")
    shutil.copytree(exported, harmed)
    path = harmed / statements_path(0)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    found = _alone(day, carried, "audit", "verify", str(harmed))
    reported = statements_path(0) if found.returncode == 1 and statements_path(0) in found.stderr else None
    day.check(reported is not None, f"{harmed}: {found.returncode} {found.stderr.strip()}")
    day.account.line("✘ " + _("从导出的账本里抽走一条原话") + f"  → {found.stderr.strip().splitlines()[-1]}", "magenta")
    shutil.rmtree(harmed)
    return reported


def _alone(day: Day, carried: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands in a home that has nothing but a charter."""
    command = day.stage.command(*words)
    command[command.index("--home") + 1] = str(carried)
    return subprocess.run(command, capture_output=True, check=False, text=True, encoding="utf-8")
