"""What the outbox accepted, shown: lines for officers, values for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yizhan.cli.actions import with_action
from yizhan.cli.output import print_json, say, tell
from yizhan.producers.numbering import Accepted
from yizhan.schemas.actions import Action
from yizhan.schemas.header import split_id
from yizhan.schemas.i18n import _
from yizhan.services.event_text import accepted_lines, files_waiting_line
from yizhan.services.home import Home
from yizhan.services.outbox import sending_trouble

if TYPE_CHECKING:  # forms and all that they know: a list of what arrived does without
    from yizhan.services.drafts import SentDraft


def show_accepted(home: Home, sent: Accepted, *, as_json: bool) -> None:
    """Print what was accepted."""
    if as_json:
        print_json(sent)
    else:
        tell("\n".join(accepted_lines(home, sent)))
    if not sent.duplicate:
        say_if_nobody_sends(home, split_id(sent.id)[0][:6])


def say_if_nobody_sends(home: Home, county: str) -> None:
    """Say loudly that what was accepted stays here for now, and what to do."""
    trouble = sending_trouble(home, county)
    if trouble is None:
        return
    if trouble.why == "no_publisher":
        sentence = _("！！还没有送出：{county}没有在发送（yizhan outbox run 没有运行），对方什么也收不到")
        action = Action.to("outbox.run", county=county)
        say(with_action(sentence.format(county=home.member_name(county)), action))
        return
    sentence = _("！！还没有送出：自 {since} 起连不上 Kafka，对方什么也收不到；接通后自动送出，急事请打电话")
    say(sentence.format(since=home.local_time(trouble.since)))


def show_sent_draft(home: Home, sent: SentDraft, *, as_json: bool) -> None:
    """Print what was accepted of a draft, and say when its files must wait."""
    if sent.files_trouble is not None:
        say(files_waiting_line(sent.files_trouble))
    show_accepted(home, sent.accepted, as_json=as_json)
