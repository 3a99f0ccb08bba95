"""Makes the home of the sample alliance: everybody's keys and charter 1, on one machine.

For demonstrations and tests. In a real alliance each county makes its own keys on its own machine,
and the charter is signed by all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from yizhan.cli.errors import CommandError
from yizhan.cli.words import _
from yizhan.schemas.charter import Charter, load_charter
from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey, save
from yizhan.schemas.sample import LedgerKeys, MemberKeys, charter_files


def make_sample(home: Path, members: Sequence[str], now: datetime, passphrase: bytes | None = None) -> Charter:
    """Make keys of the members, the station and the ledger, and ``charter/1`` naming them, in force from now.

    Args:
        home: the home folder, made if absent.
        members: six-digit codes of the sample alliance.
        now: an aware instant.
        passphrase: locks the key files; None for none.

    Returns:
        The charter.

    Raises:
        CommandError: the home has a charter already; nothing was changed.
        CharterInvalid: the members make no alliance.
        KeyFileInvalid: a key file cannot be written.
    """
    folder = home / "charter" / "1"
    if (home / "charter").exists() and any((home / "charter").iterdir()):
        raise CommandError(_("{home} 已有章程，没有改动；请另选主目录，或先移走它").format(home=home))
    sets = {code: (SigningKey.generate(), SealingKey.generate(), CosigningKey.generate()) for code in sorted(members)}
    public = {code: MemberKeys(sign.public, seal.public, cosign.public) for code, (sign, seal, cosign) in sets.items()}
    postmark, ledger = SigningKey.generate(), (SigningKey.generate(), CosigningKey.generate())
    of_ledger = LedgerKeys([ledger[0].public], [ledger[1].public])
    files = charter_files(public, [postmark.public], holds_from=now, ledger=of_ledger)
    charter = load_charter(files)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for code, keys in sets.items():
        for key in keys:
            save(key, home / "counties" / code / "keys", passphrase)
    save(postmark, home / "station" / "keys", passphrase)
    for each in ledger:
        save(each, home / "ledger" / "keys", passphrase)
    # From here on the charter is whole or not there: a folder gets its name when all its files are written.
    part = folder.with_name(".1.part")
    shutil.rmtree(part, ignore_errors=True)
    for name, content in files.items():
        path = part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    part.rename(folder)
    return charter
