"""``yizhan new TYPE``: a form asked in the terminal, kept as a draft at every answer, shown whole, then sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.shell import TYPE, Command, county_option, option, passphrase_option
from yizhan.cli.words import _, marked

if TYPE_CHECKING:
    from yizhan.cli.app import App


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
    from yizhan.cli.app import this, utc_now
    from yizhan.cli.desk_drafts import go_on, open_drafts
    from yizhan.cli.errors import CommandError
    from yizhan.cli.keyring import Lock
    from yizhan.schemas.header import RECEIPT

    app = this()
    if type == RECEIPT:
        raise CommandError(_("回执由系统自己写；签收请用 yizhan inbox ack"))
    content: dict[str, Any] = {"type": type, "status": "Exercise" if exercise else "Actual", "payload": {}}
    if reply_to:
        content |= _answering(app, county, reply_to)
    for name, own in (("supersedes", supersedes), ("withdraws", withdraws)):
        if own:
            content |= _mending(app, county, own) | {name: {"id": own}}
    with open_drafts(app, county) as book:
        n = book.begin(content, utc_now())
        go_on(app, county, book, n, Lock(passphrase_fd))


def _mending(app: App, county: str, event_id: str) -> dict[str, Any]:
    """Begin with what was sent: whoever corrects it changes what was wrong."""
    from yizhan.cli.errors import CommandError
    from yizhan.cli.outboxes import looking
    from yizhan.producers.drafts import Draft
    from yizhan.schemas import strictjson

    with looking(app, county) as outbox:
        own = None if outbox is None else outbox.event(event_id)
    if own is None:
        sentence = _("{county} 的发件箱里没有 {id}；请看 yizhan outbox list --county {code}")
        raise CommandError(sentence.format(county=app.named(county), id=event_id, code=county))
    said = own.header.model_dump(mode="json", exclude_none=True)
    kept = ("status", "priority", "grade", "certainty", "touches", "stage", "worse")
    payload = strictjson.loads(own.payload, floats=True)
    # Its reference was given to the original: under the same one, the correction would not be sent.
    payload.pop("external_ref", None)
    return {name: said[name] for name in kept if name in said and name in Draft.model_fields} | {"payload": payload}


def _answering(app: App, county: str, event_id: str) -> dict[str, Any]:
    """Refer to what the inbox has: by id and hash, in its thread; one's own answer stands for what it answered."""
    from yizhan.cli.errors import CommandError
    from yizhan.cli.inboxes import looking
    from yizhan.cli.outboxes import looking as looking_into_outbox

    with looking(app, county) as inbox, looking_into_outbox(app, county) as outbox:
        item = None if inbox is None else inbox.item(event_id)
        own = None if outbox is None or item is not None else outbox.event(event_id)
    if item is not None:
        return {"reply_to": {"id": item.id, "hash": item.hash.hex()}, "subject": item.thread}
    if own is None or own.header.reply_to is None:
        sentence = _("{county} 的收件箱里没有 {id}；请看 yizhan inbox list --county {code}")
        raise CommandError(sentence.format(county=app.named(county), id=event_id, code=county))
    answered = own.header.reply_to
    return {"reply_to": answered.model_dump(), "subject": own.header.subject or answered.id}
