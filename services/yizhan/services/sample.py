"""Makes the home of the sample alliance by the real ceremony, all of its offices on one machine.

For demonstrations and tests. In a real alliance each county makes its keys on its own machine and
signs what the others sign: ``docs/charter.md``. The steps are the same here, and so are the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from yizhan.charter import repository, rolekeys, signing
from yizhan.charter.archive import Archive, write_durably
from yizhan.charter.contents import Offices, StationOffices, Terms
from yizhan.charter.fetch import CharterFolder
from yizhan.charter.layout import MAX_METADATA_BYTES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from yizhan.charter.reader import CharterReader
from yizhan.schemas.charter import Charter
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey, save
from yizhan.schemas.sample import LedgerPublicKeys, MemberKeys, charter_files
from yizhan.services.errors import ServiceError


def make_sample(
    home: Path,
    members: Sequence[str],
    now: datetime,
    passphrase: bytes | None = None,
    *,
    since: datetime | None = None,
) -> Charter:
    """Make keys of members, station and ledger, sign charter 1 by everybody's, and give it to every reader.

    Args:
        home: the home folder, made if absent.
        members: six-digit codes of the sample alliance.
        now: an aware instant.
        passphrase: locks the key files; None for none.
        since: from when the keys of events hold; from now if None.

    Returns:
        The charter.

    Raises:
        ServiceError: the home has a charter already; nothing was changed.
        CharterInvalid: the members make no alliance.
        KeyFileInvalid: a key file cannot be written.
    """
    public = home / "station" / "public"
    if public.exists() or (home / "station" / "charter").exists() or any(home.glob("counties/*/charter")):
        raise ServiceError(marked("{home} 已有章程，没有改动；请另选主目录，或先移走它"), home=home)
    sets = {code: (SigningKey.generate(), SealingKey.generate(), CosigningKey.generate()) for code in sorted(members)}
    keys = {code: MemberKeys(sign.public, seal.public, cosign.public) for code, (sign, seal, cosign) in sets.items()}
    postmark, ledger = SigningKey.generate(), (SigningKey.generate(), CosigningKey.generate())
    of_ledger = LedgerPublicKeys([ledger[0].public], [ledger[1].public])
    files = charter_files(keys, [postmark.public], not_before=since or now, ledger=of_ledger)
    hands, station = _hands(sets)
    anchor, published = _signed(files, hands, station, now)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for code, own_keys in sets.items():
        for key in own_keys:
            save(key, home / "counties" / code / "keys", passphrase)
        for office, signer in hands[code].items():
            rolekeys.save(signer, home / "counties" / code / "roles", office, passphrase)
    save(postmark, home / "station" / "keys", passphrase)
    for each in ledger:
        save(each, home / "ledger" / "keys", passphrase)
    for role, signer in station.items():
        rolekeys.save(signer, home / "station" / "roles", role, passphrase)
    for path, data in published.items():
        write_durably(public / path, data)
    source = CharterFolder(public, MAX_METADATA_BYTES)
    for reader in (home / "station", *(home / "counties" / code for code in sets)):
        archive = Archive(reader / "charter")
        archive.trust(anchor)
        charter = CharterReader(archive, source, lambda: now).latest()
    return charter


_Offices = dict[str, CryptoSigner]


def _hands(members: Iterable[str]) -> tuple[dict[str, _Offices], _Offices]:
    """Make everybody's role keys: of the members, and of the station."""
    offices = (ROOT, TARGETS, "county")
    hands = {code: {office: rolekeys.generate() for office in offices} for code in members}
    return hands, {role: rolekeys.generate() for role in (SNAPSHOT, TIMESTAMP)}


def _signed(
    files: Mapping[str, bytes], hands: Mapping[str, _Offices], station: _Offices, now: datetime
) -> tuple[bytes, dict[str, bytes]]:
    """Have every member sign, and the station publish: the first root, and the files."""
    terms = Terms(
        files,
        {
            code: Offices(
                rolekeys.public_of(own[ROOT]), rolekeys.public_of(own[TARGETS]), (rolekeys.public_of(own["county"]),)
            )
            for code, own in hands.items()
        },
        StationOffices((rolekeys.public_of(station[SNAPSHOT]),), (rolekeys.public_of(station[TIMESTAMP]),)),
    )
    draft = repository.draft(terms, None, now)
    for own in hands.values():
        for signer in own.values():
            signing.sign(draft, None, signer)
    anchor = draft.metadata[ROOT].to_bytes(repository.COMPACT)
    signers = {role: [signer] for role, signer in station.items()}
    return anchor, repository.publish(draft, None, anchor, signers, now)
