"""``yizhan digest close|list|show``: quarters closed at the station, read at a county."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from yizhan.bulletin.quarter_document import event_counts, listed_events, mechanism, named_events, place_text
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.cli.click_options import QUARTER, Group, OneOf, county_option, json_option, option, partner_option
from yizhan.cli.commands.digest_close import close
from yizhan.cli.context import acting, current_home
from yizhan.cli.output import fields_of, print_json, print_table
from yizhan.consumers.labels import sentence
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.services.digests import QuarterEvents, list_digests, quarter_markdown, show_quarter
from yizhan.services.labels import manifest_kind

command = Group("digest", help=marked("季度通报：驿站结算，各县阅读"))
command.add_command(close)


@command.command("list", help=marked("列出本县收到的季度通报，以及与驿站清单核对的结果"))
@county_option()
@json_option()
def list_(county: str, as_json: bool) -> None:
    """List digests."""
    home = current_home()
    found = list_digests(home, county)
    if as_json:
        print_json({"county": county, "digests": found})
        return
    print_table(
        [_("季度"), _("种类"), _("结算时间"), _("件数（含回执）"), _("本机有"), _("核对"), _("注意")],
        [
            (
                each.label,
                manifest_kind(each.manifest),
                home.local_time(each.manifest.closed),
                each.manifest.count,
                each.held,
                sentence(each.verdict),
                join_sentences(sentence(warning) for warning in each.warnings),
            )
            for each in found
        ],
        _("还没有收到季度通报"),
    )


@command.command(
    "show",
    help=marked(
        "显示一个季度与伙伴县之间的通报，双向都有，即时送达的也列入。\n\n"
        "对方发来的取自收件箱，与驿站清单核对过；本县发出的取自发件箱。"
    ),
)
@click.argument("label", metavar="LABEL", type=QUARTER)
@county_option()
@partner_option()
@option("--format", "form", type=OneOf(["md", "json"]), default="md", help=marked("md 或 json（默认 md）"))
@option("--json", "as_json", is_flag=True, help=marked("同 --format json"))
def show(label: str, county: str, partner: str | None, form: str, as_json: bool) -> None:
    """Show the events of a quarter."""
    home = current_home()
    shown = show_quarter(home, label, county, partner, acting("digest show"), utc_now())
    if as_json or form == "json":
        print_json(quarter_json(shown))
    else:
        click.echo(quarter_markdown(home, shown), nl=False)


def quarter_json(shown: QuarterEvents) -> dict[str, Any]:
    """Return the events of a quarter for programs: words, not sentences."""
    contents = shown.contents
    count, prompt = named_events([each.manifest for each in contents.digests])
    return {
        **fields_of(shown, "label county partner made empty"),
        "proven": contents.proven,
        "digests": [
            {
                "manifest": digest.hash,
                **fields_of(digest.manifest, "interim closed count prompt"),
                **fields_of(digest, "verdict warnings"),
            }
            for digest in contents.digests
        ],
        "named": {
            "all": count,
            "prompt": prompt,
            "here": len(shown.received),
            **fields_of(contents.not_listed, "others system unverified"),
        },
        "counts": {
            "in": event_counts(shown.received, shown.replacements),
            "out": event_counts(shown.sent, shown.replacements),
        },
        "in": _events_json(shown, shown.received),
        "out": _events_json(shown, shown.sent),
    }


def _events_json(shown: QuarterEvents, events: Sequence[QuarterEvent]) -> list[dict[str, Any]]:
    names = "id type status time way rule grade summary warnings missing"
    return [
        {
            **fields_of(event, names),
            "mechanism": mechanism(event.type),
            "place": place_text(event),
            "superseded_by": shown.replacements.superseded.get(event.key),
            "withdrawn_by": shown.replacements.withdrawn.get(event.key),
        }
        for event in listed_events(events)
    ]
