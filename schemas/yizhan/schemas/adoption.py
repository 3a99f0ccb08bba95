"""Adoption: the station's statement from when a version of the charter holds.

Rule 1: it is announced before it holds, so that a record read again is decided the same way.
Rule 2: it names the version by number and hash; it cannot make a version that the members did not sign.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from pydantic import model_validator

from yizhan.schemas.header import CharterName
from yizhan.schemas.statements import StationStatement
from yizhan.schemas.timestamps import Timestamp, instant

CONTENT_TYPE: Final = "application/vnd.yizhan.adoption.v1+json"


class Adoption(StationStatement):
    """From ``holds_from`` on the station decides by ``charter``; said at ``adopted``, which is earlier."""

    content_type: ClassVar[str] = CONTENT_TYPE
    made_attribute: ClassVar[str] = "adopted"

    charter: CharterName
    holds_from: Timestamp
    adopted: Timestamp

    @model_validator(mode="after")
    def _announced_before(self) -> Self:
        if instant(self.holds_from) <= instant(self.adopted):
            message = f"holds_from {self.holds_from} is not after adopted {self.adopted}"
            raise ValueError(message)
        return self
