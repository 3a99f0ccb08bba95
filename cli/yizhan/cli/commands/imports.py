"""``yizhan import firms``: NASA FIRMS detections, placed in their counties; those that touch a neighbour are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yizhan.cli.accepted_view import say_if_nobody_sends
from yizhan.cli.asking import interactive, require_yes
from yizhan.cli.click_options import Group, county_option, json_option, office_option, option, outlines_option
from yizhan.cli.context import current_home
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import fields_of, print_json, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.producers.numbering import Accepted
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.doubts import doubt_sentences
from yizhan.services.event_text import accepted_lines
from yizhan.services.home import Home
from yizhan.services.hotspots import OLD, HotspotImport, HotspotSource, read_hotspots, send_hotspots
from yizhan.services.labels import HOTSPOTS_KEPT, error_sentence

command = Group(
    "import",
    help=marked("导入外部数据"),
    lazy={
        **{name: f"yizhan.cli.commands.import_tables:{name}" for name in ("excel", "csv")},
        "cap": "yizhan.cli.commands.cap:import_cap",
    },
)


@command.command(
    "firms",
    help=marked(
        "导入 NASA FIRMS 卫星热点（CSV）。\n\n"
        "按县界定位每个热点；本县境内、距他县在政策规定的边界带以内的发出，其余只列出。"
        "同一热点再次导入不会重发。坏的行指明文件、行号、字段，好的行照发。"
        "没有人可问时，有疑问的热点留下不发。有坏行或留下的热点时退出码为 1。"
    ),
)
@click.argument("file", metavar="FILE")
@county_option()
@option("--shift-to-now", is_flag=True, help=marked("演示用：所有时间一起平移，使最新的热点就是现在；内容里会写明"))
@option("--dry-run", is_flag=True, help=marked("只列出会怎样，不发出"))
@option("--yes", is_flag=True, help=marked("两天以前的、有疑问的热点也不再询问，直接发出"))
@outlines_option()
@office_option()
@passphrase_option()
@json_option()
@click.pass_context
def firms(
    ctx: click.Context,
    file: str,
    *,
    county: str,
    shift_to_now: bool,
    dry_run: bool,
    yes: bool,
    outlines: Path | None,
    office: Path | None,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Import a file."""
    home = current_home()
    with progress(_("定位热点")):
        taken = read_hotspots(home, county, HotspotSource(file, outlines, office, shift_to_now))
    _show_reasons(home, taken)
    if (taken.old or taken.doubtful()) and not (yes or dry_run or as_json) and interactive():
        require_yes(_("仍要发出吗？"))
        yes = True
    if not dry_run:
        sealing = _("封好、存入发件箱")
        send_hotspots(home, county, taken, passphrases, lambda total: progress(sealing, total), confirmed=yes)
    if as_json:
        print_json(_as_json(taken, dry_run=dry_run, shifted=shift_to_now))
    else:
        _show(home, taken, dry_run=dry_run)
    if any(isinstance(result, Accepted) and not result.duplicate for _draft, result in taken.results):
        say_if_nobody_sends(home, county)
    if taken.empty:
        say(_("{file} 里没有一个热点：当时没有火情，或者没有下载完整").format(file=file))
    if taken.held:
        say(_("没有人可问，有疑问的 {count} 个热点没有发出；确实要发请加 --yes").format(count=len(taken.held)))
    if taken.found.problems or taken.failed() or taken.held:
        ctx.exit(1)


def _show_reasons(home: Home, taken: HotspotImport) -> None:
    """Say why somebody should look again before they go."""
    if taken.old:
        sentence = _("本县境内最新的热点是 {at}，已过去 {hours} 小时以上；演示请用 --shift-to-now")
        say(sentence.format(at=home.local_time(taken.found.newest), hours=int(OLD.total_seconds() // 3600)))
    for judged in taken.doubtful():
        for sentence in doubt_sentences(home, judged):
            say(f"{judged.draft.external_ref}: {sentence}")


def _as_json(taken: HotspotImport, *, dry_run: bool, shifted: bool) -> dict[str, Any]:
    """Return it for programs."""
    found, before = taken.found, taken.sent_before
    sent = [(draft, result) for draft, result in taken.results if not isinstance(result, Exception)]
    return {
        "dry_run": dry_run,
        "in_members": found.in_members,
        "would_send": [ref for draft in found.drafts if (ref := draft.external_ref) not in before] if dry_run else [],
        "sent_before": sorted(before),
        "sent": [{"external_ref": draft.external_ref, **json_value(result)} for draft, result in sent],
        "kept": [
            {**fields_of(each.detection, "external_ref line"), **fields_of(each, "certainty why")}
            for each in found.not_sent
        ],
        **fields_of(found, "outside repeated problems"),
        "held": [each.draft.external_ref for each in taken.held],
        "failed": [error_sentence(error) for error in taken.failed()],
        "shifted": shifted,
        "old": taken.old,
    }


def _show(home: Home, taken: HotspotImport, *, dry_run: bool) -> None:
    """Say what went, what did not, and what is wrong with the file."""
    found, sent = taken.found, [each for _draft, each in taken.results if not isinstance(each, Exception)]
    for draft in found.drafts if dry_run else ():
        to = join_list(home.member_name(code) for code in draft.to or ())
        known = draft.external_ref in taken.sent_before
        sentence = _("以前已发过 {ref} → {to}") if known else _("会发出 {ref} → {to}")
        tell(sentence.format(ref=draft.external_ref, to=to))
    for result in sent:
        tell("\n".join(accepted_lines(home, result)))
    for each in found.not_sent:
        tell(_("留存 {ref}：{why}").format(ref=each.detection.external_ref, why=_(HOTSPOTS_KEPT[each.why])))
    for code, count in found.in_members.items():
        tell(_("{member} 境内 {count} 个").format(member=home.member_name(code), count=count))
    twice = sum(result.duplicate for result in sent)
    sentence = _("发出 {sent} 件，以前已发过 {twice} 件，留存 {kept} 个，联盟之外 {outside} 个，重复 {repeated} 行")
    counts = {"kept": len(found.not_sent), "outside": found.outside, "repeated": found.repeated}
    say(sentence.format(sent=len(sent) - twice, twice=twice, **counts))
    for problem in found.problems:
        say(str(problem))
    for error in taken.failed():
        say(error_sentence(error))
