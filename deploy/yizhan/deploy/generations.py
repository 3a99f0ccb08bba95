"""Which certificate of a principal is in force: its generation, counted from 1; a revocation starts the next one.

Rule 1: the common name of a certificate is the principal, from the second generation on with its number
        (``county-350924-2``). Access rules and quotas name the common name in force. Topics, groups and
        folders keep the principal's name, so no position is lost.
Rule 2: a generation never goes back. ``<tls>/generations.json`` has those above 1, and is written before the
        certificate is made. Where the broker has rules for a later one (this home was restored from an old
        copy), the later one counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from yizhan.deploy.errors import CertificateFailed
from yizhan.deploy.jars import locked

Generations = Mapping[str, int]
"""Principal → generation; 1 where a principal is missing."""

FILE: Final = "generations.json"
_COMMON_NAME: Final = re.compile(r"(county-[0-9]{6}|station|ledger|auditor)(?:-([2-9]|[1-9][0-9]{1,3}))?")


def common_name(principal: str, generation: int) -> str:
    """Return the common name of a certificate.

    >>> common_name("county-350924", 1), common_name("county-350924", 2)
    ('county-350924', 'county-350924-2')
    """
    return principal if generation == 1 else f"{principal}-{generation}"


def parse_common_name(name: str) -> tuple[str, int] | None:
    """Return principal and generation of a common name, or None if it is none of ours that can be revoked.

    >>> parse_common_name("county-350924-2"), parse_common_name("admin")
    (('county-350924', 2), None)
    """
    match = _COMMON_NAME.fullmatch(name)
    return None if match is None else (match[1], int(match[2] or 1))


def latest(*several: Generations) -> dict[str, int]:
    """Return the latest generation of each principal."""
    found: dict[str, int] = {}
    for each in several:
        for principal, generation in each.items():
            found[principal] = max(generation, found.get(principal, 1))
    return found


def recorded(tls: Path) -> dict[str, int]:
    """Return the generations that a home recorded. Raises :class:`CertificateFailed` for a damaged file."""
    path = tls / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if all(parse_common_name(common_name(name, number)) == (name, number) for name, number in found.items()):
            return dict(found)
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        pass
    raise CertificateFailed(
        f'{path}: expected generations such as {{"county-350924": 2}}; correct it: without it a revoked '
        "certificate would be valid again"
    )


def record(tls: Path, generations: Generations) -> bool:
    """Record generations that are later than those recorded; return whether there was one."""
    if not _later(recorded(tls), generations):
        return False
    tls.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(tls / "generations.lock"):
        before = recorded(tls)
        part = tls / f"{FILE}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump(dict(sorted((before | _later(before, generations)).items())), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(tls / FILE)
    return True


def _later(before: Generations, found: Generations) -> dict[str, int]:
    return {name: number for name, number in found.items() if number > before.get(name, 1)}
