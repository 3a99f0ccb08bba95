"""Reading the charter: verified into an office's archive, its versions, and a proposed policy tried on past events.

Rule 1: a reader starts from a root file that a person gave it, never from what it finds.
Rule 2: what is shown is made from the data that decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from yizhan.charter import replay as replaying
from yizhan.charter import terms as texts
from yizhan.charter.archive import Archive
from yizhan.charter.contents import terms_of
from yizhan.charter.differences import differences
from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import CharterFolder, CharterSource
from yizhan.charter.layout import MAX_METADATA_BYTES
from yizhan.charter.reader import CharterReader, Expiry
from yizhan.charter.replay import RoutingDifference
from yizhan.charter.signing import signers_of
from yizhan.charter.verify import VerifiedCharter
from yizhan.consumers.items import InboxQuery
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson, topics
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import Refused
from yizhan.schemas.header import Header, parse_header
from yizhan.schemas.policy import Policy, PolicyFile
from yizhan.services.charter import public_folder, published, reader_folder
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.stores import read_inbox, read_outbox


@dataclass(frozen=True, slots=True)
class CharterCheck:
    """What a verification found. ``problem`` is why nothing newer was adopted, None for nothing wrong."""

    newest: Charter
    in_force: Charter
    root_sha256: str
    expiries: tuple[Expiry, ...]
    problem: CharterProblem | None


def verify_charter(
    home: Home, county: str | None, *, anchor: bytes | None, folder: Path | None, online: bool
) -> CharterCheck:
    """Verify the newest charter for a county (None: the station), and keep it in its archive.

    Args:
        home: with the office's archive.
        county: a code; None for the station.
        anchor: the first root, as the counties handed it over; None if the archive has it.
        folder: the station's static files; None for what the archive has, or ``online`` for the topic.
        online: read from Kafka.
    """
    archive = Archive(reader_folder(home, county))
    if anchor is not None:
        archive.trust(anchor)
    reader = home.reader(archive.folder, _source(home, county, folder, online=online))
    problem = None
    try:
        reader.update()
    except CharterProblem as error:
        problem = error
    standing, now = reader.status(), reader.clock()
    if problem is None and standing.problem is not None and standing.stale(now):
        problem = CharterProblem(CharterFault(standing.problem), standing.detail)
    fingerprint = hashlib.sha256(archive.anchor()).hexdigest()
    return CharterCheck(reader.latest(), reader.in_force(now), fingerprint, reader.expiries(), problem)


def _source(home: Home, county: str | None, folder: Path | None, *, online: bool) -> CharterSource | None:
    if folder is not None:
        return CharterFolder(folder, MAX_METADATA_BYTES)
    if online:
        return home.charter_source(topics.STATION if county is None else topics.county(county))
    if county is None and public_folder(home).is_dir():
        return published(home)
    return None


@dataclass(frozen=True, slots=True)
class CharterVersion:
    """One version: from when it holds, who signed what is new in it (role → holders), what it changed, in words."""

    name: str
    announced: bool
    holds_from: datetime
    signed: dict[str, tuple[str, ...]]
    differences: tuple[str, ...]


def charter_versions(home: Home, county: str | None) -> Iterator[CharterVersion]:
    """Yield the versions that a county (None: this home) has verified, the first one first."""
    before: VerifiedCharter | None = None
    reader = charter_reader(home, county)
    for charter, announced in reader.history():
        version = reader.verified(charter.version)
        base = None if before is None else terms_of(before)
        changes = tuple(differences(base, terms_of(version)))
        yield CharterVersion(charter.name, announced, charter.holds_from, signers_of(version, before), changes)
        before = version


def charter_reader(home: Home, county: str | None) -> CharterReader:
    """Return the reader of a county (None: of this home)."""
    return home.charters if county is None else home.reader_of(county)


def charter_terms(home: Home, county: str | None) -> str:
    """Return the terms of the newest version as TOML, to be changed and proposed."""
    return texts.write(terms_of(charter_reader(home, county).verified()))


def replay_policy(home: Home, county: str | None, policy: Path, headers: Sequence[Header]) -> list[RoutingDifference]:
    """Return which past events would go another way under a proposed policy (TOML, or ``policy.json``).

    Raises:
        ServiceError: the policy cannot be used.
    """
    old = charter_reader(home, county).in_force(utc_now()).policy
    return list(replaying.replay(headers, old, Policy(_read_policy(policy))))


def _read_policy(path: Path) -> PolicyFile:
    text = path.read_text("utf-8")
    try:
        if path.suffix == ".json":
            return PolicyFile.model_validate(strictjson.loads(text.encode(), max_depth=10))
        return PolicyFile.model_validate(texts.read(text).get("policy"))
    except (ValueError, ValidationError) as error:
        raise ServiceError("{path}: {error}", path=path, error=error) from None


def headers_of_file(path: Path) -> Iterator[Header]:
    """Yield the event headers of a file, one a line (``ServiceError`` names a line that is none)."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                yield parse_header(line)
            except Refused as error:
                raise ServiceError("{path}:{number}: {error}", path=path, number=number, error=error) from None


def headers_of_county(home: Home, county: str) -> Iterator[Header]:
    """Yield the headers of what a county has received and sent."""
    with read_inbox(home, county) as inbox:
        for item in () if inbox is None else inbox.items(InboxQuery()):
            yield item.header
    with read_outbox(home, county) as outbox:
        for event in () if outbox is None else outbox.sent():
            yield event.header
