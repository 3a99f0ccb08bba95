"""Events, ids and postmarks for the tests of the inbox."""

from __future__ import annotations

from typing import Any

from tests.world.receiver import ME, PARTNER, Listener
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import parse_header

OTHER = "350722"


def id_of(value: bytes) -> str:
    """Return the id inside an envelope."""
    return parse_header(parse_envelope(value).unverified_header).id


def ref_of(value: bytes) -> dict[str, str]:
    """Return what a later event calls this one."""
    return {"id": id_of(value), "hash": parse_envelope(value).hash.hex()}


def item_of(listener: Listener, value: bytes) -> Any:  # noqa: ANN401
    """Deliver and return the item."""
    outcome = listener.deliver(value)
    assert outcome.item is not None
    return outcome.item


def receipt(listener: Listener, own: bytes, source: str = PARTNER, stage: str = "acknowledged") -> bytes:
    """Seal a county's receipt about an event of ours."""
    reference = {"stage": stage, "event": ref_of(own)}
    attributes: dict[str, Any] = {
        "type": "yizhan.receipt.v1", "receipt": reference, "priority": "routine", "stage": None, "touches": None,
    }  # fmt: skip
    header = listener.world.header(source, (ME,), **attributes)
    return listener.world.seal(header, b'{"by":{"badge":"350924001","name":"\xe6\x9d\x8e"}}')
