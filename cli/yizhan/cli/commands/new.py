"""``yizhan new TYPE``: a form asked in the terminal, kept as a draft at every answer, shown whole, then sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import TYPE, Command, county_option, option, passphrase_option
from yizhan.schemas.i18n import marked

if TYPE_CHECKING:
    from yizhan.services.home import Home


@click.command(
    "new",
    cls=Command,
    help=marked(
        "写一件新的：逐题问，逐题存，全文看过再发。\n\n"
        "TYPE 如 森林火灾、forest_fire、incident.forest_fire。先问必填的，再列出可补充的。"
        "选择题可答编号或文字；< 回上一题，? 看说明，- 清除，回车用方括号里的。"
        "坐标可用度分秒，并问明坐标系（WGS84、高德、百度），换算成 WGS84。"
        "随时可停（Ctrl-C），草稿留着：yizhan draft edit N 接着写。"
    ),
)
@click.argument("type", type=TYPE, metavar="TYPE")
@county_option()
@option("--reply-to", metavar="ID", help=marked("答复收件箱里的这一件"))
@option("--supersedes", metavar="ID", help=marked("更正本县发出的这一件"))
@option("--withdraws", metavar="ID", help=marked("撤回本县发出的这一件"))
@option("--exercise", is_flag=True, help=marked("这是演练"))
@passphrase_option()
def command(
    *,
    type: str,
    county: str,
    reply_to: str | None,
    supersedes: str | None,
    withdraws: str | None,
    exercise: bool,
    passphrase_fd: int | None,
) -> None:
    """Ask for one event."""
    from yizhan.cli.context import current_home
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas.header import RECEIPT
    from yizhan.services.drafts import go_on
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import open_drafts

    home = current_home()
    if type == RECEIPT:
        raise ServiceError(marked("回执由系统自己写；签收请用 yizhan inbox ack"))
    content: dict[str, Any] = {"type": type, "status": "Exercise" if exercise else "Actual", "payload": {}}
    if reply_to:
        content |= _answering(home, county, reply_to)
    for name, own in (("supersedes", supersedes), ("withdraws", withdraws)):
        if own:
            content |= _mending(home, county, own) | {name: {"id": own}}
    with open_drafts(home, county) as book:
        n = book.begin(content, utc_now())
        go_on(home, county, book, n, TerminalPassphrase(passphrase_fd))


def _mending(home: Home, county: str, event_id: str) -> dict[str, Any]:
    """Begin with what was sent: whoever corrects it changes what was wrong."""
    from yizhan.producers.drafts import Draft
    from yizhan.schemas import strictjson
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import read_outbox

    with read_outbox(home, county) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    if own is None:
        sentence = marked("{county} 的发件箱里没有 {id}；请看 yizhan outbox list --county {code}")
        raise ServiceError(sentence, county=home.member_name(county), id=event_id, code=county)
    said = own.header.model_dump(mode="json", exclude_none=True)
    kept = ("status", "priority", "grade", "certainty", "touches", "stage", "worse")
    payload = strictjson.loads(own.payload, floats=True)
    # Its reference was given to the original: under the same one, the correction would not be sent.
    payload.pop("external_ref", None)
    return {name: said[name] for name in kept if name in said and name in Draft.model_fields} | {"payload": payload}


def _answering(home: Home, county: str, event_id: str) -> dict[str, Any]:
    """Refer to what the inbox has: by id and hash, in its thread; one's own answer stands for what it answered."""
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import read_inbox
    from yizhan.services.stores import read_outbox as looking_into_outbox

    with read_inbox(home, county) as inbox, looking_into_outbox(home, county) as outbox:
        item = None if inbox is None else inbox.item(event_id)
        own = None if outbox is None or item is not None else outbox.event(event_id)
    if item is not None:
        return {"reply_to": {"id": item.id, "hash": item.hash.hex()}, "subject": item.thread}
    if own is None or own.header.reply_to is None:
        sentence = marked("{county} 的收件箱里没有 {id}；请看 yizhan inbox list --county {code}")
        raise ServiceError(sentence, county=home.member_name(county), id=event_id, code=county)
    answered = own.header.reply_to
    return {"reply_to": answered.model_dump(), "subject": own.header.subject or answered.id}
