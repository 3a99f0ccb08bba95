"""The attached files that a payload names: which can be fetched, faults of the others, and progress."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.files import MAX_FILES
from yizhan.schemas.filetypes import clean_name
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.common import Attachment

_MOST_READ: Final = 4 * MAX_FILES
"""Files of one event that are looked at: sixty thousand wrong ones fit into a payload, and cost seconds each time."""
_TOO_MANY: Final = marked("一件文书至多附 {most} 个文件，这个不取")


@dataclass(frozen=True, slots=True)
class AttachmentProblem:
    """An attachment of an event that cannot be fetched, and the reason."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class AttachmentStatus:
    """One attachment of an item, with the number of its chunks that are here."""

    attachment: Attachment
    chunks: int
    here: int

    @property
    def complete(self) -> bool:
        """Return whether it can be saved."""
        return self.here == self.chunks


def attachments_of(raw: Mapping[str, Any]) -> tuple[list[Attachment], list[AttachmentProblem]]:
    """Return the sealed attachments of a received payload, and the faulty ones.

    A repeated name is changed, so that both can be requested and saved.
    """
    found, problems = list[Attachment](), list[AttachmentProblem]()
    listed = raw.get("attachments")
    entries = listed if isinstance(listed, list) else []
    sealed = [each for each in entries if isinstance(each, Mapping) and "sealed" in each]
    for each in sealed[:_MOST_READ]:
        name = clean_name(str(each.get("name", "")))
        known = {key: value for key, value in each.items() if key in Attachment.model_fields}
        try:
            attachment = Attachment.model_validate(known)
        except ValidationError as error:
            problems.append(AttachmentProblem(name, "; ".join(f"{path}: {problem}" for path, problem in faults(error))))
            continue
        if len(found) == MAX_FILES:
            problems.append(AttachmentProblem(name, _(_TOO_MANY).format(most=MAX_FILES)))
        else:
            taken = {other.name.casefold() for other in found}
            found.append(attachment.model_copy(update={"name": _another(attachment.name, taken)}))
    if len(sealed) > _MOST_READ:
        problems.append(AttachmentProblem(f"… {len(sealed) - _MOST_READ}", _(_TOO_MANY).format(most=MAX_FILES)))
    return found, problems


def _another(name: str, taken: Collection[str]) -> str:
    """Return a name that none of the event's other files has, ignoring case."""
    stem, dot, ending = name.rpartition(".")
    names = (f"{stem}-{n}{dot}{ending}" if stem else f"{name}-{n}" for n in range(2, MAX_FILES + 2))
    return next(each for each in (name, *names) if each.casefold() not in taken)


def choose_attachments(
    statuses: list[AttachmentStatus], name: str | None, item_id: str, county: str
) -> list[AttachmentStatus]:
    """Choose by name, or all (``NotFound`` for none)."""
    chosen = [each for each in statuses if name is None or each.attachment.name == name]
    if not chosen:
        hint = Action.to("inbox.files", id=item_id, county=county)
        raise NotFound(marked("{id} 没有这个随文书密封的附件"), id=item_id, hint=hint)
    return chosen
