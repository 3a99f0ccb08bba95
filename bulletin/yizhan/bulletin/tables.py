r"""The figures and the events as CSV for spreadsheets.

Rule 1: UTF-8 with a byte order mark, CRLF (RFC 4180): so Excel reads Chinese.
Rule 2: no cell is a formula (``schemas.spreadsheet``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from yizhan.bulletin.matters import ordered, standing
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.table import type_name
from yizhan.schemas.spreadsheet import guarded

BOM: Final = b"\xef\xbb\xbf"


def figures_csv(made: Mapping[str, Any]) -> bytes:
    """Write every figure as one row: path, value."""
    return _csv([_("项目"), _("数值")], _flat(made, ""))


def events_csv(events: Iterable[QuarterEvent]) -> bytes:
    """Write every event as one row, in the agreed order."""
    listed = ordered(events)
    known = standing(listed)
    columns = [
        _("编号"),
        _("发件县代码"),
        _("收件县代码"),
        _("类别"),
        _("性质"),
        _("得知时间（世界时）"),
        _("方式"),
        _("等级"),
        _("更正件"),
        _("撤回件"),
        _("未收到"),
        _("简要情况"),
        _("指纹"),
    ]
    rows = (
        [
            each.id,
            each.source,
            each.to,
            type_name(each.type),
            each.status,
            each.time,
            each.way.value,
            "" if each.grade is None else str(each.grade),
            known.superseded.get(each.key, ""),
            known.withdrawn.get(each.key, ""),
            "1" if each.missing else "",
            each.summary,
            each.hash,
        ]
        for each in listed
    )
    return _csv(columns, rows)


def _flat(value: Any, path: str) -> Iterator[list[str]]:  # noqa: ANN401 -- JSON is any
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value, 1):
            yield from _flat(inner, f"{path}.{number}")
    else:
        yield [path, "" if value is None else str(value)]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([[guarded(cell) for cell in row] for row in rows])
    return BOM + stream.getvalue().encode("utf-8", "replace")
