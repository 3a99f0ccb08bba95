"""An officer's answer to an event: acknowledged, acted on, declined. It is entered here and sent by ``inbox run``."""

from __future__ import annotations

from starlette.responses import Response

from yizhan.desk.accounts.model import Role
from yizhan.desk.alarm_cards import alarm_card, alarm_end
from yizhan.desk.request import Ask, Page
from yizhan.services.errors import Conflict
from yizhan.services.inbox import OfficerAnswer, answer_item, show_item

ANSWERERS = frozenset({Role.DUTY, Role.LIAISON, Role.LEADER})


def acknowledge(ask: Ask) -> Response:
    """Enter an answer; the card or the row is shown as it is then. The same again changes nothing."""
    desk, item_id = ask.desk, ask.path["id"]
    stage, note = ask.form.get("stage", "acknowledged"), ask.form.get("note", "").strip() or None
    actor = ask.actor("inbox acknowledge")
    try:
        answered = answer_item(desk.home, desk.county, item_id, OfficerAnswer(stage, note, ask.form.get("seen")), actor)
    except Conflict as error:
        if not ask.wants_fragment:
            raise
        item = show_item(desk.home, desk.county, item_id, actor).item
        return ask.page(
            "alarm_changed.html", 409, card=alarm_card(desk.home, item), end=alarm_end(desk.home, item), error=error
        )
    if ask.wants_fragment:
        return ask.page(
            "alarm_signed.html", card=alarm_card(desk.home, answered.item), end=alarm_end(desk.home, answered.item)
        )
    return ask.see("/duty" if ask.form.get("back") == "/duty" else f"/inbox/{item_id}")


PAGES = (Page("/inbox/{id}/answer", acknowledge, ANSWERERS, methods=("POST",)),)
