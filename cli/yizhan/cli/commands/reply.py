"""``yizhan reply ID "…"``: answer an alarm, or any event, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from yizhan.cli.accepted_view import say_if_nobody_sends
from yizhan.cli.click_options import OneOf, county_option, json_option, option, short_ids, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.officer_options import signed_by_officer
from yizhan.cli.output import fields_of, print_json, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.payloads.letters import PRESSING, PRIORITIES
from yizhan.services.event_text import accepted_lines
from yizhan.services.replies import Reply, SentReply, send_reply

_ACCEPTED: Final = "id hash to decisions duplicate differs clock_suspect"


@single_command(
    "reply",
    help=marked(
        "答复一件：写一句话，对方立即看到，归在同一件事里。发出后写明对方的铃是否立即响。\n\n"
        "收到的和本县发出的都可以答复。这是来信，不是报告：对方不会当作又一起火情。"
        "紧急程度照所答复的那件，可用 --priority 另定；"
        "特急、加急的在对方屏幕上和铃上立即提示。签收另用 yizhan inbox ack。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@click.argument("text", metavar="TEXT")
@county_option()
@option(
    "--priority",
    type=OneOf(["flash", "urgent", "routine"], PRIORITIES),
    help=marked("特急、加急、平急（默认与所答复的那件相同）"),
)
@passphrase_option()
@json_option()
@signed_by_officer()
@short_ids(event_id="both")
def command(
    *,
    event_id: str,
    text: str,
    county: str,
    officer: Person,
    priority: Any,  # noqa: ANN401 -- a word of OneOf
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Answer an event."""
    home = current_home()
    actor = acting("reply", officer)
    sent = send_reply(home, county, Reply(event_id, text, priority), actor, passphrases)
    if as_json:
        print_json(fields_of(sent.accepted, _ACCEPTED) | {"priority": sent.priority, "rings": sent.rings})
    else:
        tell("\n".join([*accepted_lines(home, sent.accepted), *_waits(sent)]))
    say_if_nobody_sends(home, county)


def _waits(sent: SentReply) -> Iterator[str]:
    """Say that it does not ring at once at the other side, and how it would."""
    if sent.rings:
        return
    if sent.priority in PRESSING:
        yield _("  演练，或随季度通报送达：列在对方收件里，对方的铃不立即响")
        return
    sentence = _("  {priority}：到达后列在对方收件里，对方的铃按通知合并告知，夜间等到早上；要立即响铃，请用 {option}")
    yield sentence.format(priority=_(PRIORITIES[sent.priority]), option="--priority urgent")
