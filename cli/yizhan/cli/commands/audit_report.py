"""``yizhan audit report``: a quarter for whoever reviews it, as pages and tables in both languages."""

from __future__ import annotations

from pathlib import Path

from yizhan.cli.audit_options import evidence_options
from yizhan.cli.checkpoint_view import checkpoint_json, tell_checkpoint
from yizhan.cli.click_options import QUARTER, folder_option, json_option, option, single_command
from yizhan.cli.output import print_json, tell
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.quarters import Quarter
from yizhan.services.audit import AuditSources, report_quarter, write_report


@single_command(
    "report",
    help=marked(
        "一个季度的审计报告：往来与时效、清单、发现的问题、结对县对账、调阅记录；HTML 和 CSV，中英文各一份。\n\n"
        "只写编号、时间和数字，没有内容。页面不引用任何外部文件，可直接打印。"
    ),
)
@option("--quarter", required=True, type=QUARTER, metavar="2026Q3", help=marked("季度"))
@folder_option("--out", marked("写到这个目录（默认当前目录）"))
@evidence_options
@json_option()
def report(*, quarter: str, folder: Path, sources: AuditSources, as_json: bool) -> None:
    """Write a report."""
    with progress(_("核验账本")) as bar:
        found = report_quarter(sources, Quarter.parse(quarter), bar)
    files = [str(path) for path in write_report(found, folder)]
    if as_json:
        figures = {"traffic": found.traffic, "digests": found.digests, "findings": found.findings, "pairs": found.pairs}
        print_json({"quarter": quarter, "checkpoint": checkpoint_json(found.checkpoint), "files": files} | figures)
        return
    tell_checkpoint(sources.home, found.checkpoint)
    for each in files:
        tell(each)
