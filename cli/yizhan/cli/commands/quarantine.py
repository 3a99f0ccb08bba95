"""``yizhan quarantine list``: what the station refused, where it stood and why.

Rule 1: only what the station signed is told as its word; an entry without a good postmark says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from yizhan.cli.click_options import MOMENT, Group, OneOf, json_option, limit_option, option
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charters

command = Group("quarantine", help=marked("驿站拒收的记录"))
_SHOWN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One refused record. ``verified`` tells whether the station's signature on it holds."""

    offset: int
    origin: str
    verified: bool
    size: int
    first_bytes: str
    reason: str | None = None
    detail: str | None = None
    received: str | None = None
    record_sha256: str | None = None
    charter: str | None = None


@command.command("list", help=marked("列出驿站拒收的记录：出处、原因、开头的字节，最新的在最后"))
@option("--reason", metavar="WORD", help=marked("只列这个原因的"))
@option("--since", type=MOMENT, metavar="TIME", help=marked("只列此时起收到的"))
@limit_option()
@option("--as", "principal", type=OneOf(["station", "auditor"]), default="station", help=marked("以谁的身份读取"))
@json_option()
def list_(reason: str | None, since: datetime | None, limit: int, principal: str, as_json: bool) -> None:
    """List refused records."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table, progress
    from yizhan.schemas.timestamps import written
    from yizhan.services.labels import reason_name

    home = current_home()
    with progress(_("读取拒收记录")):
        found = read_quarantine(home.settings.connection(principal), home.charters)
    if reason is not None:
        found = [entry for entry in found if entry.reason == reason]
    if since is not None:
        found = [entry for entry in found if (entry.received or "") >= written(since)]
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
                entry.first_bytes[: 2 * _SHOWN_BYTES],
            )
            for entry in shown
        ],
        _("没有拒收的记录"),
    )


def read_quarantine(connection: Any, charters: Charters) -> list[QuarantineEntry]:  # noqa: ANN401 -- a KafkaConnection, imported late
    """Read the whole quarantine, oldest first (``StationError`` if no broker answers)."""
    from yizhan.schemas import topics
    from yizhan.schemas.postmark import KAFKA_HEADER
    from yizhan.streams.closing_kafka import Cluster

    cluster = Cluster(connection)
    try:
        cluster.check_topics([topics.QUARANTINE])
        end = cluster.ends([topics.QUARANTINE])[topics.QUARANTINE]
        return [
            _entry(record.offset, record.key, record.value or b"", dict(record.headers).get(KAFKA_HEADER), charters)
            for record in cluster.read(topics.QUARANTINE, 0, end)
        ]
    finally:
        cluster.close()


def _entry(offset: int, key: bytes | None, value: bytes, stamp: bytes | None, charters: Charters) -> QuarantineEntry:
    from yizhan.schemas.errors import StatementInvalid
    from yizhan.schemas.postmark import Postmark
    from yizhan.schemas.statements import read_dated

    hinted = (key or b"").decode("utf-8", "backslashreplace")
    first = value[: 4 * _SHOWN_BYTES].hex()
    try:
        postmark, _hash, _charter = read_dated(Postmark, stamp or b"", charters)
    except StatementInvalid as error:
        return QuarantineEntry(offset, hinted, verified=False, detail=str(error), size=len(value), first_bytes=first)
    return QuarantineEntry(
        offset=offset,
        origin=str(postmark.origin),
        verified=True,
        reason=None if postmark.refused is None else postmark.refused.value,
        detail=postmark.detail,
        received=postmark.received,
        record_sha256=postmark.record_sha256,
        charter=postmark.charter,
        size=len(value),
        first_bytes=first,
    )
