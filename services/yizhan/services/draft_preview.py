"""What would become of a draft if it went now: to whom, how, by which rule, what is then owed; nothing is sent.

Rule 1: the event is made in a copy of the outbox that is thrown away (``scratch_outbox``): the same code decides that
        decides when it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from yizhan.producers.draft_rows import StoredDraft
from yizhan.producers.numbering import Accepted
from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import Header, Ref
from yizhan.schemas.obligation_events import Event
from yizhan.schemas.policy import Decision
from yizhan.schemas.timestamps import instant
from yizhan.services.doubts import doubt_sentences, goes_unasked
from yizhan.services.drafts import DraftFault, check_draft, find_draft, judge_draft
from yizhan.services.form_words import in_form_words
from yizhan.services.home import Home
from yizhan.services.stores import scratch_outbox
from yizhan.services.uploads import UploadedFile, list_uploads


@dataclass(frozen=True, slots=True)
class Owed:
    """An obligation that the event would open: by which ``rule`` of the policy, who owes, until when."""

    rule: str
    owes: tuple[str, ...]
    due: datetime


@dataclass(frozen=True, slots=True)
class DraftPreview:
    """A draft as it would go; ``decisions`` are empty where it cannot."""

    draft: StoredDraft
    faults: tuple[DraftFault, ...]
    doubts: tuple[tuple[str, str], ...]
    """Code and sentence of each."""
    held: bool
    """A doubt keeps it back until an officer says that it goes."""
    decisions: Mapping[str, Decision]
    rings: bool
    """It rings once where it arrives, although it is no alarm."""
    owed: tuple[Owed, ...]
    files: tuple[UploadedFile, ...]
    refused: YizhanError | None = None
    """Why the outbox would not take it."""

    @property
    def goes(self) -> bool:
        """Whether it would go once its doubts are answered."""
        return not self.faults and self.refused is None


def preview_draft(home: Home, county: str, n: int) -> DraftPreview:
    """Return what would become of a draft (``NotFound`` if there is none of that number)."""
    found, files = find_draft(home, county, n), list_uploads(home, county, n)
    draft, faults = check_draft(found.content)
    if draft is None:
        return DraftPreview(found, faults, (), False, {}, False, (), files)  # noqa: FBT003 -- in the order of its fields
    judged, now = judge_draft(home, county, draft), utc_now()
    said = [in_form_words(found.type, each) for each in doubt_sentences(home, judged)]
    doubts = tuple(zip((each.value for each in judged.doubts), said, strict=True))
    held = not goes_unasked(judged, forced=False)
    try:
        with scratch_outbox(home, county, home.charter, now) as outbox:
            # Its number in the county's own register may have been used before: that is found when it goes.
            sent = outbox.publish(judged.draft.model_copy(update={"external_ref": f"preview:{n}:{found.version}"}))
            own = outbox.event(sent.id)
    except YizhanError as error:
        return DraftPreview(found, (), doubts, held, {}, False, (), files, error)  # noqa: FBT003
    owed = () if own is None else _owed(home, own.header, sent, now)
    return DraftPreview(found, (), doubts, held, sent.decisions, sent.rings, owed, files)


def _owed(home: Home, header: Header, sent: Accepted, now: datetime) -> tuple[Owed, ...]:
    ways = {code: each.way.value for code, each in sent.decisions.items()}
    event = Event(header, Ref(id=sent.id, hash=sent.hash.hex()), ways, now, home.charter)
    county = event.header.county
    if event.header.status != "Actual":
        return ()
    return tuple(
        Owed(rule.id, _debtors(rule.owes, county, recipients), instant(event.due(rule)))
        for rule, recipients in event.openings()
    )


def _debtors(owes: str, county: str, recipients: tuple[str, ...]) -> tuple[str, ...]:
    return {"sender": (county,), "both": (county, *recipients)}.get(owes, recipients)
