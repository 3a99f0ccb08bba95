"""``yizhan schema``: the contract as JSON Schemas, for integrators."""

from __future__ import annotations

import click

from yizhan.cli.click_options import json_option, single_command
from yizhan.cli.output import print_json, tell
from yizhan.schemas.i18n import marked
from yizhan.services.contract import json_schema, json_schemas


@single_command(
    "schema",
    help=marked(
        "输出 JSON Schema，供对接单位使用。\n\n"
        "不给 NAME 时列出名称；名称可以省去前缀 yizhan. 和后缀 .v1。"
        "draft 是待发事件（publish、explain 的一行），office 是 import firms --office 的文件。"
    ),
)
@click.argument("name", required=False, metavar="[NAME]")
@json_option()
def command(name: str | None, as_json: bool) -> None:
    """List the schemas, or print one."""
    if name is not None:
        print_json(json_schema(name))
    elif as_json:
        print_json({"schemas": sorted(json_schemas())})
    else:
        tell("\n".join(sorted(json_schemas())))
