"""``yizhan inbox``: what arrives at a county. Each command is imported when it runs: a list need not load Kafka."""

from __future__ import annotations

from yizhan.cli.click_options import Group
from yizhan.schemas.i18n import marked

command = Group(
    "inbox",
    help=marked("本县收件箱：接收、查看、签收"),
    lazy={
        "run": "yizhan.cli.commands.inbox_run:run",
        "list": "yizhan.cli.commands.inbox_items:list_",
        "show": "yizhan.cli.commands.inbox_items:show",
        "ack": "yizhan.cli.commands.inbox_items:ack",
        "files": "yizhan.cli.commands.inbox_files:files",
        "save": "yizhan.cli.commands.inbox_files:save",
        "export": "yizhan.cli.commands.inbox_records:export",
        "destroy": "yizhan.cli.commands.inbox_records:destroy",
    },
)
