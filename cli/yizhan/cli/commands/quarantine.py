"""``yizhan quarantine list``: what the station refused, where it stood and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from yizhan.cli.click_options import MOMENT, Group, OneOf, json_option, limit_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, print_table
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.services.labels import reason_name

command = Group("quarantine", help=marked("驿站拒收的记录"))
_SHOWN_CHARACTERS: Final = 64
"""Hexadecimal digits of a record that a screen shows."""


@command.command("list", help=marked("列出驿站拒收的记录：出处、原因、开头的字节，最新的在最后"))
@option("--reason", metavar="WORD", help=marked("只列这个原因的"))
@option("--since", type=MOMENT, metavar="TIME", help=marked("只列此时起收到的"))
@limit_option()
@option("--as", "principal", type=OneOf(["station", "auditor"]), default="station", help=marked("以谁的身份读取"))
@json_option()
def list_(reason: str | None, since: datetime | None, limit: int | None, principal: Any, as_json: bool) -> None:  # noqa: ANN401 -- a word of OneOf
    """List refused records."""
    from yizhan.services.quarantine import list_quarantine  # noqa: PLC0415 -- Kafka, of the extra "station"

    home = current_home()
    with progress(_("读取拒收记录")):
        found = list_quarantine(home, principal, reason, since)
    shown = found[-limit:] if limit else found
    if as_json:
        print_json({"count": len(found), "quarantine": shown})
        return
    print_table(
        [_("出处"), _("收到"), _("原因"), _("技术说明"), _("开头的字节")],
        [
            (
                entry.origin,
                home.local_time(entry.received),
                reason_name(entry.reason) if entry.reason else _("邮戳核验不过"),
                entry.detail,
                entry.first_bytes[:_SHOWN_CHARACTERS],
            )
            for entry in shown
        ],
        _("没有拒收的记录"),
    )
