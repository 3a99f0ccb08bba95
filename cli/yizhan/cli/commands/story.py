"""``yizhan story ID``: one matter from its first report to its end; ``yizhan link``: two reports of one matter."""

from __future__ import annotations

import click

from yizhan.cli.click_options import Command, county_option, json_option, option, passphrase_option
from yizhan.schemas.i18n import _, marked


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
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import print_json, print_table, tell
    from yizhan.services import matters as stories
    from yizhan.services.access_log import record
    from yizhan.services.errors import ServiceError

    home = current_home()
    found = stories.matter_timeline(home, county, event_id)
    if not found.events:
        sentence = marked("{county} 的收件箱和发件箱里都没有 {id}；请看 yizhan inbox list 和 yizhan outbox list")
        raise ServiceError(sentence, county=home.member_name(county), id=event_id)
    record(home, county, acting("story"), "opened", [told.header.id for told in found.events])
    if as_json:
        print_json({"county": county, **stories.as_json(found)})
        return
    print_table(
        [_("时间"), _("哪一方"), _("事项"), _("内容"), _("编号")], list(stories.rows(home, found)), "", whole=(4,)
    )
    if len(found.opened) > 1:
        linked = " + ".join(f"{told.header.id} {home.member_name(told.header.source)}" for told in found.opened)
        tell(_("并案：{linked}").format(linked=linked))
    for each in found.standings:
        tell(stories.standing_sentence(home, each))


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
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.producers.drafts import Draft, Reference
    from yizhan.schemas.header import NOTICE
    from yizhan.services import stores
    from yizhan.services.errors import ServiceError
    from yizhan.services.outbox import accepted_json, accepted_lines
    from yizhan.services.stores import open_outbox

    home = current_home()
    with stores.read_inbox(home, county) as inbox:
        other = None if inbox is None else inbox.item(other_id)
    with open_outbox(home, county, TerminalPassphrase(passphrase_fd)) as outbox:
        own = outbox.event(own_id)
        if own is None:
            raise ServiceError(marked("{id} 不是本县发出的；OWN 应是本县的，OTHER 是对方的"), id=own_id)
        if other is None:
            raise ServiceError(marked("{id} 不在本县的收件箱里；请看 yizhan inbox list"), id=other_id)
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
        print_json(accepted_json(sent))
    else:
        tell("\n".join(accepted_lines(home, sent)))
