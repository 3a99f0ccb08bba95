"""``yizhan audit find``: what is late, unanswered, refused, doubtful, or was never reported."""

from __future__ import annotations

from pathlib import Path

from yizhan.cli.audit_options import evidence_options
from yizhan.cli.checkpoint_view import checkpoint_json, tell_checkpoint
from yizhan.cli.click_options import FILE, MEMBER, OneOf, json_option, option, single_command
from yizhan.cli.output import print_json, print_table, tell
from yizhan.cli.screen import progress
from yizhan.ledger.audit.findings import Finding, FindingKind, ReportableHotspot
from yizhan.ledger.audit.labels import finding_name
from yizhan.schemas.i18n import _, join_list, marked, with_note
from yizhan.services.audit import AuditSources, FoundProblems, find_problems
from yizhan.services.audit_text import finding_note
from yizhan.services.home import Home


@single_command(
    "find",
    help=marked(
        "查找问题：迟报、报警无人签收、情报没有反馈、逾期、拒收、密钥可疑、判定不符、调阅记录断链；"
        "给出 FIRMS 文件则连漏报一起查。\n\n"
        "一切以检查点签署的时刻为“现在”，所以同一本账、同一批簿查出的结果总是相同。找到问题不算失败，退出码仍为 0。"
    ),
)
@option("--firms", type=FILE, metavar="FILE.csv", help=marked("NASA FIRMS 卫星热点文件：查有没有该报未报的"))
@option("--outlines", type=FILE, metavar="FILE", help=marked("县界 GeoJSON（默认用样例的）"))
@option(
    "--kind",
    "kinds",
    multiple=True,
    type=OneOf(FindingKind),
    metavar="WORD",
    help=marked("只列这一种，如 late，可多次给出"),
)
@option("--of", "county", type=MEMBER, metavar="C", help=marked("只列这个县的"))
@evidence_options
@json_option()
def find(
    *,
    firms: Path | None,
    outlines: Path | None,
    kinds: tuple[str, ...],
    county: str | None,
    sources: AuditSources,
    as_json: bool,
) -> None:
    """Find what is wrong."""
    hotspots = [] if firms is None else _reportable_hotspots(sources.home, firms, outlines)
    with progress(_("核验账本")) as bar:
        found = find_problems(sources, hotspots, bar)
    chosen = [
        each
        for each in found.findings
        if (not kinds or each.kind in kinds) and (county is None or each.county == county)
    ]
    if as_json:
        checkpoint = checkpoint_json(found.checkpoint)
        print_json({"checkpoint": checkpoint, "findings": chosen, "missing_books": found.missing_books})
        return
    tell_checkpoint(sources.home, found.checkpoint)
    _tell(sources.home, chosen, found)


def _reportable_hotspots(home: Home, firms: Path, outlines: Path | None) -> list[ReportableHotspot]:
    from yizhan.services.reportable import reportable_hotspots  # noqa: PLC0415 -- shapely, of the extra "desk"

    return list(reportable_hotspots(home, firms, outlines))


def _tell(home: Home, chosen: list[Finding], found: FoundProblems) -> None:
    print_table(
        [_("问题"), _("单位"), _("时间"), _("事件"), _("账上"), _("说明")],
        [
            (
                with_note(finding_name(each.kind), each.kind.value),
                home.member_name(each.county),
                home.local_time(each.at),
                each.id,
                each.place,
                finding_note(home, each),
            )
            for each in chosen
        ],
        _("没有发现问题"),
    )
    if found.missing_books:
        names = join_list(f"{home.member_name(county)} {kind}" for county, kind in found.missing_books)
        tell(_("没有这些簿，与之有关的没有查：{names}").format(names=names))
