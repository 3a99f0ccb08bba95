"""Records put on topics, good and forged, and how they are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.world.forge import changed, forge
from tests.world.simulator import NOW, World, seed
from yizhan.schemas import topics
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.errors import (
    Refused,
)
from yizhan.schemas.keys import SealingKey, SigningKey

SENDER, PARTNER, THIRD = "350924", "331126", "330327"


LANE = {"lane": "prompt", "n": 1}


TURN = datetime(2026, 10, 1, tzinfo=UTC)


OLD, NEW, REVOKED = (SigningKey.from_seed(seed(f"sign 350924 {word}")) for word in ("old", "new", "revoked"))


OLD_SEAL, NEW_SEAL, REVOKED_SEAL = (
    SealingKey.from_seed(seed(f"seal 331126 {word}", 96)) for word in ("old", "new", "revoked")
)


def put(world: World, value: bytes | None, *, received: datetime = NOW, **record: Any) -> Record:  # noqa: ANN401 -- of any field
    """Make a record of the sender's topic."""
    facts: dict[str, Any] = {
        "topic": topics.events(SENDER),
        "partition": 0,
        "offset": 0,
        "received": received,
        "value": value,
    }
    return Record(**(facts | record))


def forged(
    world: World,
    signer: SigningKey | None = None,
    sealed_to: tuple[str, ...] = (PARTNER,),
    **attributes: Any,  # noqa: ANN401 -- of any attribute
) -> bytes:
    """Seal a header that ``Header`` may not take."""
    seals = [world.counties[code].sealing.public for code in sealed_to]
    return forge(changed(world.header(), **attributes), seals, signer or world.counties[SENDER].signing)


def refused(world: World, value: bytes | None, error: type[Refused], said: str = ".", **record: Any) -> None:  # noqa: ANN401 -- of any field
    """Expect one refusal, with a sentence short enough for a postmark."""
    with pytest.raises(error, match=said) as caught:
        admit(put(world, value, **record), world.charter)
    assert type(caught.value) is error
    assert len(str(caught.value)) <= 1000


MOMENT = timedelta(milliseconds=1)
