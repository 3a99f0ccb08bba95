"""``yizhan countersign ID``: the other side's patrol plan, shown whole, signed by our officers and sent back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from yizhan.cli.click_options import Command, county_option, json_option, option, passphrase_option
from yizhan.cli.language import interactive
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from yizhan.consumers.items import Item
    from yizhan.producers.drafts import Draft
    from yizhan.services.home import Home

_THEIRS: Final = ("external_ref", "doc_no", "attachments", "border", "doubtful", "ask")
"""What of a plan is its author's own, beside the names of who signed."""


@click.command(
    "countersign",
    cls=Command,
    help=marked(
        "会签对方的联合巡护计划：显示全文，问过之后，以本县民警的名义原样签回。\n\n"
        "签名的人取自 --office（同 yizhan import），没有给出时取本县上次在表单里签名的人。"
        "不是计划的、本县自己提的、已经会签的、对方已更正或撤回的，不予会签。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option()
@option(
    "--office", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE",
    help=marked("机构、拟稿审核签发人、联系人"),
)  # fmt: skip
@option("--yes", is_flag=True, help=marked("不再询问，直接会签"))
@passphrase_option()
@json_option()
def command(
    event_id: str, county: str, office: Path | None, *, yes: bool, passphrase_fd: int | None, as_json: bool
) -> None:
    """Countersign a plan."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import print_json, print_table, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.access_log import record
    from yizhan.services.inbox import details
    from yizhan.services.outbox import accepted_json, accepted_lines
    from yizhan.services.stores import open_outbox

    home = current_home()
    plan = _plan(home, county, event_id)
    draft = _countersignature(home, county, plan, office)
    record(home, county, acting("countersign"), "opened", [plan.id])
    if not as_json:
        print_table([_("项目"), _("内容")], list(details(home, plan)), "")
    if not yes and interactive() and not click.confirm(_("会签这份计划吗？"), default=False, err=True):
        return
    with open_outbox(home, county, TerminalPassphrase(passphrase_fd)) as outbox:
        sent = outbox.publish(draft)
    if as_json:
        print_json(accepted_json(sent))
    else:
        tell("\n".join(accepted_lines(home, sent)))


def _plan(home: Home, county: str, event_id: str) -> Item:
    """Return the plan that waits for us (``ServiceError`` otherwise, saying why it does not)."""
    from yizhan.schemas.matters import JointWorkState
    from yizhan.schemas.payloads.table import PATROL_PLAN
    from yizhan.services.errors import ServiceError
    from yizhan.services.labels import type_name
    from yizhan.services.matters import matter_timeline

    found = matter_timeline(home, county, event_id)
    told = next((each for each in found.events if each.header.id == event_id), None)
    if told is None:
        sentence = marked("{county} 的收件箱里没有 {id}；请看 yizhan inbox list --county {code}")
        raise ServiceError(sentence, county=home.member_name(county), id=event_id, code=county)
    if told.header.type != PATROL_PLAN or told.header.reply_to is not None:
        what = _("会签") if told.header.type == PATROL_PLAN else type_name(told.header.type)
        raise ServiceError(marked("{id} 是{what}，不是待会签的巡护计划"), id=event_id, what=what)
    if told.header.county == county:
        raise ServiceError(marked("{id} 是本县自己提出的计划，由对方会签"), id=event_id)
    item = _item(home, county, event_id)
    if item.withdrawn_by is not None:
        raise ServiceError(marked("{id} 已被对方撤回（{by}），不用会签"), id=event_id, by=item.withdrawn_by)
    if item.superseded_by is not None:
        sentence = marked("{id} 已被对方更正为 {by}；请会签新的：yizhan countersign {by} --county {county}")
        raise ServiceError(sentence, id=event_id, by=item.superseded_by, county=county)
    stands = {each.stand for each in found.standings if (each.id, each.county) == (event_id, county)}
    if JointWorkState.COUNTERSIGNED in stands:
        sentence = marked("{id} 本县已经会签；请看 yizhan story {id} --county {county}")
        raise ServiceError(sentence, id=event_id, county=county)
    if not stands & {JointWorkState.AWAITS_COUNTERSIGN, JointWorkState.OTHER_PLAN}:
        sentence = marked(
            "{id} 里没有本县的人员，或内容打不开，不能会签；请看 yizhan inbox show {id} --county {county}"
        )
        raise ServiceError(sentence, id=event_id, county=county)
    return item


def _item(home: Home, county: str, event_id: str) -> Item:
    from yizhan.services.stores import read_inbox

    with read_inbox(home, county) as inbox:
        item = None if inbox is None else inbox.item(event_id)
    assert item is not None  # noqa: S101 -- the story has it, and it is not ours
    return item


def _countersignature(home: Home, county: str, plan: Item, office: Path | None) -> Draft:
    """Write the plan again in our officers' names.

    Raises:
        CommandError: it is not known who signs.
        DraftInvalid: an officer is missing.
    """
    from yizhan.cli.commands.imports import read_office
    from yizhan.producers.draft_store import OFFICE
    from yizhan.producers.drafts import parse_draft
    from yizhan.schemas.payloads.common import Ask
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import open_drafts

    signed: dict[str, Any]
    if office is not None:
        signed = read_office(office).model_dump(mode="json", exclude_none=True)
    else:
        with open_drafts(home, county) as book:
            signed = book.office()
    if missing := [name for name in OFFICE if name not in signed]:
        sentence = marked("会签要写明本县的 {names}；请用 --office FILE 给出（结构见 yizhan schema office）")
        raise ServiceError(sentence, names=", ".join(missing))
    raw = {} if plan.contents is None else plan.contents.raw
    said = {name: value for name, value in raw.items() if name not in (*OFFICE, *_THEIRS)}
    return parse_draft(
        {
            "type": plan.type,
            "status": plan.status,
            "priority": plan.header.priority,
            "to": sorted({*plan.header.to, plan.county} - {county}),
            "subject": plan.thread,
            "reply_to": {"id": plan.id, "hash": plan.hash.hex()},
            "payload": {**said, **{name: signed[name] for name in OFFICE}, "ask": [Ask.KNOW.value]},
        }
    )
