"""``yizhan template TYPE``: an empty table of a type, to be filled in and imported."""

from __future__ import annotations

import click

from yizhan.cli.actions import with_action
from yizhan.cli.click_options import TYPE, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import say, tell
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.services.labels import short_type
from yizhan.services.tables import write_template


@single_command(
    "template",
    help=marked(
        "写出一类事件的空白表格（Excel 或 CSV），填好后用 yizhan import excel 或 import csv 导入。\n\n"
        "表头用所选的语言，必填的带 *；选择项有下拉列表，“填写说明”逐列写明应填什么，“代码”列出可选的词。"
        "一件里有多个同类项的（如涉案物）列成 涉案物1、涉案物2、涉案物3，可照样再加。"
        "FILE 以 .csv 结尾的写成 CSV。"
    ),
)
@click.argument("type", type=TYPE, metavar="TYPE")
@option("--output", "-o", metavar="FILE", help=marked("写到这个文件（默认 类型.xlsx）"))
def command(type: str, output: str | None) -> None:
    """Write a template."""
    file = output or f"{short_type(type)}.xlsx"
    columns = write_template(current_home(), type, file)
    tell(_("{file}：{count} 列").format(file=file, count=columns))
    kind = "table.import_csv" if file.endswith(".csv") else "table.import_excel"
    say(with_action(_("填好后再导入"), Action.to(kind, file=file, type=short_type(type))))
