"""``yizhan export``: what came and what went, as tables that a spreadsheet opens and ``import`` takes again."""

from __future__ import annotations

from typing import Any

import click

from yizhan.cli.click_options import OneOf, county_option, json_option, option, single_command, type_option
from yizhan.cli.context import acting, current_home
from yizhan.cli.output import print_json, tell
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.services.export import ExportQuery, export_tables
from yizhan.services.labels import type_name


@single_command(
    "export",
    help=marked(
        "把收到和发出的事件导出成表格：一行一件，每类一张工作表，表头同 yizhan template，可再导入。\n\n"
        "FILE 以 .csv 结尾的写成 CSV（只能是一类，须用 --type），否则写成 Excel 工作簿。"
        "像公式的文字一律按文字写。先记入本县的调阅记录；文件只有本人可读。"
    ),
)
@click.argument("file", metavar="FILE")
@county_option()
@type_option()
@option("--quarter", metavar="2026Q3", help=marked("只导出这个季度的（收件按驿站收到时间，发件按存入发件箱时间）"))
@option("--box", type=OneOf(["inbox", "outbox", "both"]), default="both", help=marked("收件箱、发件箱或两者（默认）"))
@json_option()
def command(*, file: str, county: str, type: str | None, quarter: str | None, box: Any, as_json: bool) -> None:  # noqa: ANN401 -- a word of OneOf
    """Export tables."""
    home, actor = current_home(), acting("export")
    with progress(_("写表格")) as bar:
        counts = export_tables(home, county, ExportQuery(type, quarter, box), file, actor, bar)
    if as_json:
        print_json({"file": file, "events": counts})
        return
    tell(_("{file}：{count} 件").format(file=file, count=sum(counts.values())))
    for kind, count in counts.items():
        tell(f"  {type_name(kind)} {count}")
