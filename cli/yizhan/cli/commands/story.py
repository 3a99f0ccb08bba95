"""``yizhan story ID``: one matter from its first report to its end; ``yizhan link``: two reports of one matter."""

from __future__ import annotations

import click

from yizhan.cli.shell import Command, county_option, json_option, option, passphrase_option
from yizhan.cli.words import _, marked


@click.command(
    "story",
    cls=Command,
    help=marked(
        "把一件事从头讲到尾：首报、续报、更正、答复、签收、终报，收发两本簿子合在一起，按时间排列。\n\n"
        "ID 可以是其中任何一件的编号。并案的几条线索连在一起讲，各件的作者照写。"
        "最后列出共同事项办到哪一步：会签、巡护结果、协作答复、争议状态、议定事项。调阅记入本县的调阅记录。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option()
@json_option()
def command(event_id: str, county: str, as_json: bool) -> None:
    """Tell a matter."""
    from yizhan.cli import story as stories
    from yizhan.cli.access import noted
    from yizhan.cli.app import this
    from yizhan.cli.errors import CommandError
    from yizhan.cli.output import print_json, print_table, tell

    app = this()
    found = stories.story(app, county, event_id)
    if not found.events:
        sentence = _("{county} 的收件箱和发件箱里都没有 {id}；请看 yizhan inbox list 和 yizhan outbox list")
        raise CommandError(sentence.format(county=app.named(county), id=event_id))
    noted(app, county, "opened", "story", [told.header.id for told in found.events])
    if as_json:
        print_json({"county": county, **stories.as_json(found)})
        return
    print_table(
        [_("时间"), _("哪一方"), _("事项"), _("内容"), _("编号")], list(stories.rows(app, found)), "", whole=(4,)
    )
    if len(found.opened) > 1:
        linked = " + ".join(f"{told.header.id} {app.named(told.header.source)}" for told in found.opened)
        tell(_("并案：{linked}").format(linked=linked))
    for each in found.standings:
        tell(stories.standing_sentence(app, each))


@click.command(
    "link",
    cls=Command,
    help=marked(
        "并案：告知对方，本县的 OWN 和对方的 OTHER 是同一件事。\n\n"
        "发出一份签名的通知，归在本县的线索里，指向对方的那一件；两条线索从此一起讲（yizhan story），"
        "各件的作者不变。任何一方都可以发。由 yizhan outbox run 送走。"
    ),
)
@click.argument("own_id", metavar="OWN")
@click.argument("other_id", metavar="OTHER")
@county_option()
@option("--note", metavar="TEXT", help=marked("给对方的一句话（默认“同一件事，并案”）"))
@passphrase_option()
@json_option()
def link(own_id: str, other_id: str, county: str, note: str | None, passphrase_fd: int | None, as_json: bool) -> None:
    """Link two threads."""
    from yizhan.cli import inboxes
    from yizhan.cli.app import this
    from yizhan.cli.errors import CommandError
    from yizhan.cli.keyring import Lock
    from yizhan.cli.outboxes import open_outbox, sent_as_json, told
    from yizhan.cli.output import print_json, tell
    from yizhan.producers.drafts import Draft, Reference
    from yizhan.schemas.header import NOTICE

    app = this()
    with inboxes.looking(app, county) as inbox:
        other = None if inbox is None else inbox.item(other_id)
    with open_outbox(app, county, Lock(passphrase_fd)) as outbox:
        own = outbox.event(own_id)
        if own is None:
            raise CommandError(_("{id} 不是本县发出的；OWN 应是本县的，OTHER 是对方的").format(id=own_id))
        if other is None:
            raise CommandError(_("{id} 不在本县的收件箱里；请看 yizhan inbox list").format(id=other_id))
        sent = outbox.publish(
            Draft(
                type=NOTICE,
                status=own.header.status,
                subject=own.header.subject or own.header.id,
                reply_to=Reference(id=other.id, hash=other.hash.hex()),
                to=tuple(sorted({*own.header.to, other.county})),
                external_ref=f"link:{own.header.subject or own.header.id}:{other.id}"[:120],
                payload={"kind": "text", "text": note or _("同一件事，并案")},
            )
        )
    if as_json:
        print_json(sent_as_json(sent))
    else:
        tell("\n".join(told(app, sent)))
