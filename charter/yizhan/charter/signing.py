"""Signatures under a draft: who may sign, who has signed, who is missing.

Rule 1: a new root is signed by a majority under the old root and under the new one.
Rule 2: a signature counts only after it was verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Key, Metadata, Root, Targets

from yizhan.charter.contents import CharterDraft, root_and_targets
from yizhan.charter.errors import CeremonyError
from yizhan.charter.layout import MEMBER_FIELD, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from yizhan.charter.verify import VerifiedCharter


@dataclass(frozen=True, slots=True)
class Signing:
    """Progress of one role of a draft: holders of its keys, those who have signed, how many must.

    ``under`` says whether a new root is counted under the ``old`` root or the ``new`` one.
    Holders are member codes; of a county's own role, code and first digits of the key.
    """

    role: str
    under: str
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether enough have signed."""
        return len(self.signed) >= self.threshold


def may_sign(
    made: CharterDraft, before: VerifiedCharter | None
) -> Iterator[tuple[str, str, Root | Targets, Metadata[Any]]]:
    """Yield (role, ``old`` or ``new``, who delegates it, its metadata) for every role that needs signatures."""
    new_root, new_targets = root_and_targets(made, before)
    for role, metadata in made.metadata.items():
        if role == ROOT and before is not None:
            yield role, "old", before.root, metadata
        delegator: Root | Targets | None = new_root if role in {ROOT, TARGETS} else new_targets
        if delegator is None:
            message = f"the draft of {role} has no delegating role; expected a root in it, or a version before it"
            raise CeremonyError(message)
        yield role, "new", delegator, metadata


def sign(made: CharterDraft, before: VerifiedCharter | None, signer: Signer) -> tuple[str, ...]:
    """Add a role key's signature wherever it counts; return the roles that it signed.

    A second signature by the same key replaces the first.
    """
    keyid, signed = signer.public_key.keyid, []
    for role, _under, delegator, metadata in may_sign(made, before):
        if keyid in delegator.get_delegated_role(role).keyids and role not in signed:
            metadata.sign(signer, append=True)
            signed.append(role)
    return tuple(signed)


def status(made: CharterDraft, before: VerifiedCharter | None) -> tuple[Signing, ...]:
    """Return for each role of a draft who has signed and who is missing. Signatures are verified."""
    found = []
    for role, under, delegator, metadata in may_sign(made, before):
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        names = {keyid: _holder(role, key) for keyid, key in {**result.signed, **result.unsigned}.items()}
        found.append(
            Signing(
                role,
                under,
                result.threshold,
                tuple(sorted(names[keyid] for keyid in result.signed)),
                tuple(sorted(names[keyid] for keyid in result.unsigned)),
            )
        )
    return tuple(found)


def _holder(role: str, key: Key) -> str:
    if role in {ROOT, TARGETS}:
        return str(key.unrecognized_fields.get(MEMBER_FIELD, key.keyid[:16]))
    return f"{role}/{key.keyid[:8]}"


def signers_of(version: VerifiedCharter, before: VerifiedCharter | None) -> dict[str, tuple[str, ...]]:
    """Return who signed what is new in a version: role → holders with valid signatures."""
    found: dict[str, tuple[str, ...]] = {}
    for role, data in version.metadata.items():
        if role == TIMESTAMP or (before is not None and before.metadata.get(role) == data):
            continue
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        delegator = version.targets if role not in {ROOT, TARGETS, SNAPSHOT} else version.root
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        found[role] = tuple(sorted(_holder(role, key) for key in result.signed.values()))
    return found
