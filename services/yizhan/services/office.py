"""Who answers for what a county sends: officers and contact, from a file (``yizhan schema office``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from yizhan.producers.drafts import Office
from yizhan.schemas.payloads.codec import faults
from yizhan.services.errors import ServiceError


def read_office(path: Path | None) -> Office:
    """Read who answers for what is sent; nobody for None.

    Raises:
        ServiceError: the file names no office; every fault is listed.
        OSError: it cannot be read.
    """
    if path is None:
        return Office()
    try:
        return Office.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ServiceError("\n".join(f"{path}: {where}: {fault}" for where, fault in faults(error))) from None
