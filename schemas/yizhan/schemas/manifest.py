"""The manifest: the station's signed word on what a digest holds.

Rule 1: a closing manifest names its range of ``yizhan.pending.<county>``; ranges follow each other
        without gap or overlap, so every event is in exactly one.
Rule 2: the Merkle root is over the event hashes in the order of first appearance, references to
        urgent events included (leaf = RFC 9162 leaf hash of the 32-byte event hash).
Rule 3: manifests of one county form a chain by ``previous``; an interim one stands beside it.
Rule 4: an empty period has a manifest too (零报告).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from yizhan.schemas import merkle, strictjson
from yizhan.schemas.header import CharterName, Hex32, MemberCode
from yizhan.schemas.statements import StationStatement
from yizhan.schemas.timestamps import Timestamp

CONTENT_TYPE: Final = "application/vnd.yizhan.manifest.v1+json"
KAFKA_HEADER: Final = "yizhan-manifest"
"""Kafka record header that marks a manifest on a digests topic; its value is the DSSE document."""

_Offset = Annotated[int, Field(ge=0, le=strictjson.MAX_INTEGER)]


class Manifest(StationStatement):
    """What one digest holds.

    ``start`` and ``end`` are offsets in ``yizhan.pending.<county>``, end excluded. ``count`` is
    the number of different events, ``prompt`` how many of them are references to what had
    arrived at once. ``closed`` is the instant that the close was asked for, ``cluster`` the Kafka
    cluster to which the offsets belong (a cluster whose disk was lost begins again at 0).
    """

    content_type: ClassVar[str] = CONTENT_TYPE
    made_attribute: ClassVar[str] = "closed"

    county: MemberCode
    label: Annotated[str, Field(pattern=r"^2[01][0-9]{2}Q[1-4]$")]
    interim: bool
    start: _Offset
    end: _Offset
    count: _Offset
    prompt: _Offset
    root: Hex32
    charter: CharterName
    cluster: Annotated[str, Field(min_length=1, max_length=64)]
    closed: Timestamp
    previous: Hex32 | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.start > self.end or not self.prompt <= self.count <= self.end - self.start:
            message = "expected start <= end and prompt <= count <= end - start"
            raise ValueError(message)
        if (self.count == 0) != (self.root == merkle.EMPTY_ROOT.hex()):
            message = f"expected the root of no events, {merkle.EMPTY_ROOT.hex()}, exactly when count is 0"
            raise ValueError(message)
        return self
