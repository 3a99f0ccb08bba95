"""``yizhan story ID``: one matter from its first report to its end; ``yizhan link``: two reports of one matter."""

from __future__ import annotations

from typing import Any

import click

from yizhan.cli.accepted_view import show_accepted
from yizhan.cli.click_options import county_option, json_option, option, short_ids, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.officer_options import signed_by_officer
from yizhan.cli.output import print_json, print_table, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.matters import event_role
from yizhan.schemas.payloads.common import Person
from yizhan.services.matter_text import joint_work_sentence, timeline_rows
from yizhan.services.matters import Timeline, link_threads, show_matter


@single_command(
    "story",
    help=marked(
        "把一件事从头讲到尾：首报、续报、更正、答复、签收、终报，收发两本簿子合在一起，按时间排列。\n\n"
        "ID 可以是其中任何一件的编号。并案的几条线索连在一起讲，各件的作者照写。"
        "最后列出共同事项办到哪一步：会签、巡护结果、协作答复、争议状态、议定事项。调阅记入本县的调阅记录。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option()
@json_option()
@short_ids(event_id="both")
def command(event_id: str, county: str, as_json: bool) -> None:
    """Tell a matter."""
    home = current_home()
    found = show_matter(home, county, event_id, acting("story"))
    if as_json:
        print_json({"county": county, **timeline_json(found)})
        return
    columns = [_("时间"), _("哪一方"), _("事项"), _("内容"), _("编号")]
    print_table(columns, list(timeline_rows(home, found)), "", whole=(4,))
    if len(found.openings) > 1:
        linked = " + ".join(f"{event.header.id} {home.member_name(event.header.source)}" for event in found.openings)
        tell(_("并案：{linked}").format(linked=linked))
    for each in found.joint_work:
        tell(joint_work_sentence(home, each))


@single_command(
    "link",
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
@signed_by_officer(required=False)
@short_ids(own_id="both", other_id="both")
def link(
    *,
    own_id: str,
    other_id: str,
    county: str,
    officer: Person | None,
    note: str | None,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Link two threads."""
    home = current_home()
    sent = link_threads(home, county, own_id, other_id, note, acting("link", officer), passphrases)
    show_accepted(home, sent, as_json=as_json)


def timeline_json(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline for programs."""
    return {
        "threads": [event.header.id for event in timeline.openings],
        "events": [
            {
                "id": event.header.id,
                "hash": event.hash,
                "part": event_role(event, timeline.threads),
                "source": event.header.source,
                "type": event.header.type,
                "time": event.header.time,
                "thread": event.thread,
                "header": event.header,
                "payload": None if event.contents is None else event.contents.raw,
                "words": event.answers,
            }
            for event in timeline.events
        ],
        "standings": timeline.joint_work,
    }
