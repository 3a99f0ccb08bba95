"""``yizhan import firms``: NASA FIRMS detections, placed in their counties; those that touch a neighbour are sent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from yizhan.cli.click_options import Group, county_option, json_option, option, passphrase_option
from yizhan.cli.language import interactive
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft, Office
    from yizhan.producers.firms import FirmsImport, Kept
    from yizhan.producers.geography import Outlines
    from yizhan.producers.numbering import Accepted
    from yizhan.services.home import Home
    from yizhan.services.keys import PassphraseSource

OLD: Final = timedelta(days=2)
"""Older than this, a hotspot is no news: NASA's near-real-time files are hours old."""
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
        "同一热点再次导入不会重发。坏的行指明文件、行号、字段，好的行照发；有坏行时退出码为 1。"
    ),
)
@click.argument("file", metavar="FILE")
@county_option()
@option("--shift-to-now", is_flag=True, help=marked("演示用：所有时间一起平移，使最新的热点就是现在；内容里会写明"))
@option("--dry-run", is_flag=True, help=marked("只列出会怎样，不发出"))
@option("--yes", is_flag=True, help=marked("两天以前的热点也不再询问，直接发出"))
@option("--outlines", type=click.Path(path_type=Path), metavar="GEOJSON", help=marked("县界文件（默认示例县界）"))
@option(
    "--office",
    type=click.Path(path_type=Path),
    metavar="JSON",
    help=marked("机构代码、拟稿人、联系人（样例：主目录里的 office.json；结构：yizhan schema office）"),
)
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
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Import a file."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, progress
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.producers.firms import FirmsContext, import_firms
    from yizhan.runtime.clock import utc_now
    from yizhan.services.labels import error_sentence

    home = current_home()
    home.member(county)
    policy, now = home.charter.policy, utc_now()
    around = FirmsContext(
        county, frozenset(home.charter.members), read_outlines(outlines), policy.border_strip_km, read_office(office)
    )
    with progress(_("定位热点")), open(file, "rb") as stream:  # noqa: PTH123 -- the name is told as it was typed
        found = import_firms(stream, file, around, shift_to=now if shift_to_now else None, now=now)
    old = not shift_to_now and found.newest is not None and now - found.newest > OLD
    wanted = not old or _asked(home, found, ask=not (yes or dry_run or as_json) and interactive())
    known = _known(home, county, found.drafts)
    results = _send(home, county, found.drafts, TerminalPassphrase(passphrase_fd)) if wanted and not dry_run else []
    failed = [error_sentence(result) for _draft, result in results if isinstance(result, Exception)]
    document = _as_json(found, results, known, dry_run=dry_run) | {
        "failed": failed,
        "shifted": shift_to_now,
        "old": old,
    }
    if as_json:
        print_json(document)
    else:
        _show(home, found, results, known, dry_run=dry_run)
        _problems(found, failed)
    if found.problems or failed:
        ctx.exit(1)


def _asked(home: Home, found: FirmsImport, *, ask: bool) -> bool:
    """Tell that a file is old; on a terminal, ask whether it goes all the same."""
    from yizhan.cli.output import say

    sentence = _("本县境内最新的热点是 {at}，已过去 {hours} 小时以上；演示请用 --shift-to-now")
    say(sentence.format(at=home.local_time(found.newest), hours=int(OLD.total_seconds() // 3600)))
    return not ask or click.confirm(_("仍要发出吗？"), default=False, err=True)


def _known(home: Home, county: str, drafts: tuple[Draft, ...]) -> set[str]:
    """Return the references of those that were sent before."""
    from yizhan.producers.queries import OutboxQuery
    from yizhan.schemas.payloads.table import HOTSPOT
    from yizhan.services.stores import read_outbox

    with read_outbox(home, county) as outbox:
        sent = () if outbox is None else outbox.rows(OutboxQuery(type=HOTSPOT))
    return {row.external_ref or "" for row in sent} & {draft.external_ref or "" for draft in drafts}


def read_outlines(path: Path | None) -> Outlines:
    """Read outlines of counties (``ServiceError`` if they are none); the sample's if None."""
    from yizhan.producers.geography import Outlines, OutlinesInvalid, sample_outlines
    from yizhan.services.errors import ServiceError

    if path is None:
        return sample_outlines()
    try:
        return Outlines.from_geojson(path.read_bytes())
    except OutlinesInvalid as error:
        raise ServiceError(f"{path}: {error}") from None


def read_office(path: Path | None) -> Office:
    """Read who answers for what is sent (``ServiceError`` if it is no such file); nobody if None."""
    from pydantic import ValidationError

    from yizhan.producers.drafts import Office
    from yizhan.schemas.payloads.codec import faults
    from yizhan.services.errors import ServiceError

    if path is None:
        return Office()
    try:
        return Office.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ServiceError("\n".join(f"{path}: {where}: {said}" for where, said in faults(error))) from None


def _send(
    home: Home, county: str, drafts: tuple[Draft, ...], lock: PassphraseSource
) -> list[tuple[Draft, Accepted | Exception]]:
    from yizhan.cli.output import progress
    from yizhan.services.stores import open_outbox

    if not drafts:
        return []
    results: list[tuple[Draft, Accepted | Exception]] = []
    with open_outbox(home, county, lock) as outbox, progress(_("封好、存入发件箱"), len(drafts)) as bar:
        for draft, result in zip(drafts, outbox.publish_many(drafts), strict=True):
            results.append((draft, result))
            bar.advance()
    return results


def _as_json(
    found: FirmsImport, results: list[tuple[Draft, Accepted | Exception]], known: set[str], *, dry_run: bool
) -> dict[str, Any]:
    from yizhan.cli.accepted_view import accepted_json

    sent = [(draft, result) for draft, result in results if not isinstance(result, Exception)]
    return {
        "dry_run": dry_run,
        "in_members": found.in_members,
        "would_send": [ref for draft in found.drafts if (ref := draft.external_ref) not in known] if dry_run else [],
        "sent_before": sorted(known),
        "sent": [{"external_ref": draft.external_ref, **accepted_json(result)} for draft, result in sent],
        "kept": [
            {
                "external_ref": kept.detection.external_ref,
                "line": kept.detection.line,
                "certainty": kept.certainty,
                "why": "touches_no_other_member",
            }
            for kept in found.kept
        ],
        "outside": found.outside,
        "repeated": found.repeated,
        "problems": found.problems,
    }


def _show(
    home: Home, found: FirmsImport, results: list[tuple[Draft, Accepted | Exception]], known: set[str], *, dry_run: bool
) -> None:
    from yizhan.cli.accepted_view import accepted_lines
    from yizhan.cli.output import say, tell

    for draft in found.drafts if dry_run else ():
        to = join_list(home.member_name(code) for code in draft.to or ())
        sentence = _("以前已发过 {ref} → {to}") if draft.external_ref in known else _("会发出 {ref} → {to}")
        tell(sentence.format(ref=draft.external_ref, to=to))
    for _draft, result in results:
        if not isinstance(result, Exception):
            tell("\n".join(accepted_lines(home, result)))
    for kept in found.kept:
        tell(_kept(kept))
    for code, count in found.in_members.items():
        tell(_("{member} 境内 {count} 个").format(member=home.member_name(code), count=count))
    twice = sum(not isinstance(result, Exception) and result.duplicate for _draft, result in results)
    new = sum(not isinstance(result, Exception) for _draft, result in results) - twice
    sentence = _("发出 {sent} 件，以前已发过 {twice} 件，留存 {kept} 个，联盟之外 {outside} 个，重复 {repeated} 行")
    say(sentence.format(sent=new, twice=twice, kept=len(found.kept), outside=found.outside, repeated=found.repeated))


def _kept(kept: Kept) -> str:
    sentence = _("留存 {ref}：不在任何邻县的边界带内")
    return sentence.format(ref=kept.detection.external_ref)


def _problems(found: FirmsImport, failed: list[str]) -> None:
    from yizhan.cli.output import say

    for problem in found.problems:
        say(str(problem))
    for sentence in failed:
        say(sentence)
