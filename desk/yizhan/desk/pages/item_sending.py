"""What an officer says about an item in a letter: a reply, a link, a decision that is done, a countersignature.

Rule 1: what goes is shown first, with whom it goes to and how; then it is queued, once. ``outbox run`` seals it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from yizhan.desk.pages.answers import ANSWERERS
from yizhan.desk.pages.sending import Recipient
from yizhan.desk.request import Ask, Page
from yizhan.producers.drafts import Office
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked
from yizhan.schemas.policy import Way
from yizhan.services.actor import named_officer
from yizhan.services.draft_preview import preview_content
from yizhan.services.drafts import member_names
from yizhan.services.errors import ServiceError
from yizhan.services.form_text import draft_rows
from yizhan.services.labels import arrival, error_sentence
from yizhan.services.matters import OfficersMissing, compose_link, prepare_countersignature
from yizhan.services.obligations import compose_completion
from yizhan.services.queue import queue_content
from yizhan.services.replies import Reply, compose_reply

_TOKEN: Final = 40


def reply(ask: Ask) -> Response:
    """Answer in words."""
    text = ask.form.get("text", "").strip()
    if not text:
        raise ServiceError(marked("还没有写答复的内容"))
    desk = ask.desk
    content = compose_reply(desk.home, desk.county, Reply(ask.path["id"], text), ask.actor("event reply"))
    return _send(ask, marked("写答复"), content, f"reply:{ask.path['id']}:{_token(ask)}")


def link(ask: Ask) -> Response:
    """Say that this item and a letter of ours are about one matter."""
    desk, own, item_id = ask.desk, ask.form.get("own", "").strip(), ask.path["id"]
    note = ask.form.get("note", "").strip() or None
    content = compose_link(desk.home, desk.county, own, item_id, note, ask.actor("matter link"))
    return _send(ask, marked("关联同一件事"), content, f"link:{own}:{item_id}")


def complete(ask: Ask) -> Response:
    """Say that a decision of these minutes is carried out."""
    desk, item_id, number = ask.desk, ask.path["id"], ask.form.get("number", "")
    if not (number.isascii() and number.isdecimal() and len(number) < _TOKEN):
        raise ServiceError(marked("没有写明是第几项议定事项"))
    note = ask.form.get("note", "").strip() or None
    actor = ask.actor("decision complete")
    content = compose_completion(desk.home, desk.county, item_id, int(number), note, actor)
    return _send(ask, marked("告知办结"), content, f"complete:{item_id}:{number}")


def countersign(ask: Ask) -> Response:
    """Show a plan that waits for this county, and what countersigns it; queue that once it is confirmed."""
    desk, item_id = ask.desk, ask.path["id"]
    actor = ask.actor("plan countersign")
    try:
        signature = prepare_countersignature(desk.home, desk.county, item_id, None, actor)
    except OfficersMissing as error:
        if not ask.form:
            return ask.page("item_officers.html", error=error)
        office = _office(ask, error)
        signature = prepare_countersignature(desk.home, desk.county, item_id, office, actor)
    return _send(ask, marked("会签"), signature.content, f"countersign:{item_id}")


def _office(ask: Ask, error: OfficersMissing) -> Office:
    """Return the officers that the form names, beside those that are known."""
    given: dict[str, Any] = {}
    for name in error.missing:
        if name == "org_code":
            given[name] = ask.form.get("org_code", "").strip()
        elif name == "contact":
            given[name] = {each: ask.form.get(f"contact.{each}", "").strip() for each in ("name", "phone")}
        else:
            officer = named_officer(ask.form.get(f"{name}.name", "").strip(), ask.form.get(f"{name}.badge", "").strip())
            given[name] = officer.model_dump()
    try:
        return Office.model_validate({**error.known.model_dump(exclude_none=True), **given})
    except ValueError:
        raise ServiceError(marked("机构代码、联系人或电话有误，请核对")) from None


def _send(ask: Ask, title: str, content: Mapping[str, Any], once: str) -> Response:
    """Show what goes; queue it where the form says that it was seen."""
    desk, error = ask.desk, ""
    if ask.form.get("confirmed") == "1":
        try:
            n = queue_content(
                desk.home, desk.county, content, ask.actor("draft send"), confirmed="doubts" in ask.form, once=once
            )
            return ask.see(f"/inbox/{ask.path['id']}?queued={n}")
        except YizhanError as refused:
            error = error_sentence(refused)
    found = preview_content(desk.home, desk.county, content)
    recipients = [
        Recipient(code, arrival(each.way), each.way is Way.ALARM, each.rule, desk.home.localized(each.because))
        for code, each in found.decisions.items()
    ]
    repeated = [(name, value) for name, value in ask.form.items() if name not in {"confirmed", "doubts"}]
    return ask.page(
        "item_send.html", 400 if error else 200, title=title, error=error, found=found, recipients=recipients,
        refused="" if found.refused is None else error_sentence(found.refused), repeated=repeated,
        rows=draft_rows(content["type"], content, member_names(desk.home)), item_id=ask.path["id"],
    )  # fmt: skip


def _token(ask: Ask) -> str:
    token = ask.form.get("once", "")
    return token[:_TOKEN] if token.isalnum() else "-"


PAGES = (
    Page("/inbox/{id}/reply", reply, ANSWERERS, methods=("POST",)),
    Page("/inbox/{id}/link", link, ANSWERERS, methods=("POST",)),
    Page("/inbox/{id}/complete", complete, ANSWERERS, methods=("POST",)),
    Page("/inbox/{id}/countersign", countersign, ANSWERERS, methods=("GET", "POST")),
)
