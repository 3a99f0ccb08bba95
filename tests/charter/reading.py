"""A reader of two counties' charter, and the ceremony that publishes to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata

from tests.world.ceremony import Ceremony
from tests.world.forge import register
from tests.world.simulator import NOW, World, seed
from yizhan.charter.errors import CharterProblem
from yizhan.charter.layout import TIMESTAMP, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.sample import TWO
from yizhan.schemas.timestamps import written

A, B = TWO


STAMP = metadata_path(TIMESTAMP, None)


@dataclass
class Reading:
    """A ceremony of two, and a reader that has adopted its first version."""

    world: World
    ceremony: Ceremony
    now: datetime
    folder: Path
    reader: CharterReader = field(init=False)

    def later(self, **by: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**by)
        return self.now

    def change(self, county: str = A) -> None:
        """Register one more signing key of a county."""
        key = SigningKey.from_seed(seed(f"key {self.now}"))
        self.ceremony.files = register(self.ceremony.files, county, key, not_before=written(NOW))

    def offered(self) -> CharterProblem:
        """Look twice, as a running process does; what was wrong, by the log's word."""
        before = self.reader.latest().name
        with pytest.raises(CharterProblem) as error:
            self.reader.update()
        assert self.reader.refresh() == ()
        assert self.reader.refresh() == ()
        standing = self.reader.status()
        assert (standing.problem, standing.stale(self.now)) == (error.value.problem, True)
        screen = CharterReader(self.reader.archive, None, lambda: self.now)
        assert screen.status() == standing
        assert self.reader.latest().name == before
        return error.value

    def sign_again(self, role: str, change: Callable[[Any], None]) -> None:
        """Change published metadata of a role, sign it with the keys it has, and list it anew."""
        newest = self.ceremony.newest
        assert newest is not None
        metadata: Metadata[Any] = Metadata.from_bytes(newest.metadata[role])
        change(metadata.signed)
        metadata.signed.version += 1
        metadata.signatures.clear()
        self.ceremony.publish_unchecked(role, metadata, self.now)
