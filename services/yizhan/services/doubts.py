"""The doubts that a draft of a county raises: the one way to ask ``producers.doubts`` for file, form, table and CAP."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from yizhan.producers.doubts import Sender
from yizhan.runtime.clock import utc_now
from yizhan.schemas.charter import Charter
from yizhan.services.home import Home
from yizhan.services.outlines import outlines_of

if TYPE_CHECKING:
    from yizhan.producers.geography import Outlines


def sender_of(
    home: Home,
    county: str,
    *,
    charter: Charter | None = None,
    now: datetime | None = None,
    outlines: Outlines | None = None,
) -> Sender:
    """Return the desk of a county; by default under the charter in force, now, with the home's outlines."""
    return Sender(county, charter or home.charter, now or utc_now(), lambda: outlines or outlines_of(home))
