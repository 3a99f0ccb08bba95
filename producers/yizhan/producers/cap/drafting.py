"""Makes drafts of this county from a CAP message that was read.

Rule 1: another county's event becomes an event of this county: its officers, recipients and references are left out,
        and the summary names the sender of the message.
Rule 2: an update continues the event that this county sent for the earlier message, whatever time its reference names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from yizhan.producers.cap.reading import CapEvent, CapMessage, with_source
from yizhan.producers.cap.words import OUR_PREFIX
from yizhan.producers.draft_store import OFFICE
from yizhan.schemas.i18n import _

_THEIRS: Final = ("subject", "reply_to", "supersedes", "withdraws", "touches", "time")


def draft_of(
    message: CapMessage,
    event: CapEvent,
    county: str,
    earlier: Mapping[tuple[str, int], str],
    office: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the content of a draft of a county's own.

    Args:
        message: that the event stands in.
        event: one of its events.
        county: whose draft it becomes.
        earlier: (``Triplet.stem``, number) → ``external_ref`` under which this county sent that before.
        office: who answers for it, in place of another county's officers.
    """
    attributes, payload = dict(event.attributes), dict(event.payload)
    own = message.name.sender == f"{OUR_PREFIX}{county}"
    if event.ours and not own:
        for each in _THEIRS:
            attributes.pop(each, None)
        for each in OFFICE:
            payload.pop(each, None)
        payload |= {"org_code": f"{county}000000", **office}
        payload["summary"] = with_source(str(payload.get("summary", "")), message.source)
    if not own or "external_ref" not in payload:
        payload.pop("external_ref", None)
        attributes["external_ref"] = message.name.reference(event.number)
    if message.msg_type == "Update" and not event.ours:
        stems = [each.stem for each in message.references]
        places = [(stem, event.number) for stem in stems] + [(stem, 1) for stem in stems]
        before = next((earlier[each] for each in places if each in earlier), None)
        if before is not None:
            attributes["reply_to"] = {"external_ref": before}
            attributes["stage"] = "final" if attributes["stage"] == "final" else "update"
        elif attributes["stage"] != "final":
            attributes["stage"] = "first"
    given = {key: value for key, value in attributes.items() if value is not None}
    return {"type": event.type, **given, "payload": payload}


def withdrawal_of(
    message: CapMessage, number: int, header: Mapping[str, Any], payload: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of a draft that takes back what this county sent of a message that is cancelled.

    Args:
        message: of kind Cancel.
        number: place of the event in what is taken back, from 1.
        header: of the event that was sent, as JSON.
        payload: of that event.
    """
    same = {name: header[name] for name in ("priority", "grade", "certainty", "touches") if name in header}
    summary = _("已撤销：{said}").format(said=message.text or _("提供方撤销了这条预警，没有写明理由"))
    return {
        "type": header["type"],
        "status": message.status,
        **same,
        "stage": "final",
        "withdraws": {"id": header["id"]},
        "external_ref": message.name.reference(number),
        "payload": {name: value for name, value in payload.items() if name != "external_ref"}
        | {"summary": with_source(summary, message.source)},
    }
