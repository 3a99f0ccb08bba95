"""``yizhan audit find``: what is late, unanswered, refused, doubtful, or was never reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yizhan.cli.click_options import MEMBER, Command, json_option, option
from yizhan.cli.commands.audit_matters import Asked, checkpoint_as_json, evidence_options, tell_checkpoint
from yizhan.schemas.i18n import _, join_list, join_sentences, marked, with_note

if TYPE_CHECKING:
    from yizhan.ledger.audit.findings import Finding, ReportableHotspot
    from yizhan.services.home import Home

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    "find",
    cls=Command,
    help=marked(
        "查找问题：迟报、报警无人签收、情报没有反馈、逾期、拒收、密钥可疑、判定不符、调阅记录断链；"
        "给出 FIRMS 文件则连漏报一起查。\n\n"
        "一切以检查点签署的时刻为“现在”，所以同一本账、同一批簿查出的结果总是相同。找到问题不算失败，退出码仍为 0。"
    ),
)
@option("--firms", type=_FILE, metavar="FILE.csv", help=marked("NASA FIRMS 卫星热点文件：查有没有该报未报的"))
@option("--outlines", type=_FILE, metavar="FILE", help=marked("县界 GeoJSON（默认用样例的）"))
@option("--kind", "kinds", multiple=True, metavar="WORD", help=marked("只列这一种，如 late，可多次给出"))
@option("--of", "county", type=MEMBER, metavar="C", help=marked("只列这个县的"))
@evidence_options
@json_option()
def find(
    *,
    firms: Path | None,
    outlines: Path | None,
    kinds: tuple[str, ...],
    county: str | None,
    asked: Asked,
    as_json: bool,
) -> None:
    """Find what is wrong."""
    from yizhan.cli.output import print_json
    from yizhan.ledger.audit.findings import FindingKind, missing_books
    from yizhan.ledger.audit.findings import find as search

    home = asked.home
    if wrong := sorted(set(kinds) - set(FindingKind)):
        sentence = _("--kind 应为 {choices} 之一，得到 {value}").format(choices=join_list(FindingKind), value=wrong[0])
        raise click.UsageError(sentence, click.get_current_context())
    hotspots = [] if firms is None else list(expected_hotspots(home, firms, outlines))
    with asked.gather() as (_files, evidence):
        found = search(evidence, home.charters, hotspots=hotspots)
        missing = missing_books(evidence, home.charters.latest().members)
    found = [each for each in found if (not kinds or each.kind in kinds) and (county is None or each.county == county)]
    opened = evidence.logged.checkpoint
    if as_json:
        print_json({"checkpoint": checkpoint_as_json(opened), "findings": found, "missing_books": missing})
        return
    tell_checkpoint(home, opened)
    _tell(home, found, missing)


def expected_hotspots(home: Home, file: Path, outlines: Path | None) -> Iterator[ReportableHotspot]:
    """Read a FIRMS file and tell which county had to report which detection: own territory, border strip."""
    from yizhan.ledger.audit.findings import ReportableHotspot
    from yizhan.producers.drafts import LineProblem
    from yizhan.producers.firms import FirmsContext, import_firms, read_detections
    from yizhan.services.errors import ServiceError
    from yizhan.services.outlines import read_outlines

    shapes = read_outlines(home, outlines)
    members = frozenset(home.charters.latest().members)
    strip = home.charters.latest().policy.border_strip_km
    with file.open("rb") as stream:
        seen = {
            each.external_ref: each for each in read_detections(stream, file.name) if not isinstance(each, LineProblem)
        }
    for county in sorted(members):
        with file.open("rb") as stream:
            found = import_firms(stream, file.name, FirmsContext(county, members, shapes, strip))
        if found.problems:
            raise ServiceError(str(found.problems[0]))
        for draft in found.drafts:
            one = seen[draft.external_ref or ""]
            yield ReportableHotspot(county, one.external_ref, one.at, one.longitude, one.latitude, one.former_ref)


def _tell(home: Home, found: list[Finding], missing: list[tuple[str, str]]) -> None:
    from yizhan.cli.output import print_table, tell
    from yizhan.ledger.audit.labels import found_name

    print_table(
        [_("问题"), _("单位"), _("时间"), _("事件"), _("账上"), _("说明")],
        [
            (
                with_note(found_name(each.kind), each.kind.value),
                home.member_name(each.county),
                home.local_time(each.at),
                each.id,
                each.place,
                finding_note(home, each),
            )
            for each in found
        ],
        _("没有发现问题"),
    )
    if missing:
        names = join_list(f"{home.member_name(county)} {kind}" for county, kind in missing)
        tell(_("没有这些簿，与之有关的没有查：{names}").format(names=names))


def finding_note(home: Home, each: Finding) -> str:
    """Say by what obligation, how long it took, and the detail."""
    from yizhan.ledger.audit.labels import rule_name
    from yizhan.services.labels import REASONS, reason_name

    parts = []
    if each.what is not None:
        parts.append(home.localized(each.what))
    elif each.rule is not None:
        parts.append(reason_name(each.rule) if each.rule in REASONS else rule_name(each.rule))
    if each.took is not None and each.limit is not None:
        sentence = _("用时 {took} 分钟，限 {limit} 分钟")
        parts.append(sentence.format(took=round(each.took / 60), limit=round(each.limit / 60)))
    return join_sentences([*parts, *([each.detail] if each.detail else [])])
