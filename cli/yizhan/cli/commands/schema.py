"""``yizhan schema``: the contract as JSON Schemas, for integrators."""

from __future__ import annotations

import click

from yizhan.cli.click_options import Command, json_option
from yizhan.schemas.i18n import join_list, marked


@click.command(
    "schema",
    cls=Command,
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
    from yizhan.cli.output import print_json, tell
    from yizhan.producers.drafts import Draft, Office
    from yizhan.schemas.jsonschemas import described, export
    from yizhan.services.errors import ServiceError
    from yizhan.services.labels import type_of

    schemas = export() | {"draft": described("draft", Draft), "office": described("office", Office)}
    if name is None:
        if as_json:
            print_json({"schemas": sorted(schemas)})
        else:
            tell("\n".join(sorted(schemas)))
        return
    found = next((schemas[each] for each in (name, type_of(name), f"{name}.v1") if each in schemas), None)
    if found is None:
        sentence = marked("没有名为 {name} 的结构；有的是：{names}")
        raise ServiceError(sentence, name=name, names=join_list(sorted(schemas)))
    print_json(found)
