"""A quarter's report as an HTML page and as a table, in either language.

Rule 1: others' words are text, never markup, and never a formula in a spreadsheet.
Rule 2: a page is self-contained: no script, no font, no picture from elsewhere.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from yizhan.ledger.audit import labels
from yizhan.schemas.i18n import SOURCE_LANGUAGE, catalogue, marked
from yizhan.schemas.obligation_rules import RULE_NAMES
from yizhan.schemas.spreadsheet import guarded
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.ledger.audit.report import QuarterReport

Table = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""Title, columns, rows."""

_HOWS: Final = {
    "opened": marked("调阅"),
    "listed": marked("列表"),
    "printed": marked("成文"),
    "exported": marked("导出"),
    "destroyed": marked("销毁"),
}


class _Pen:
    """Writes a report in one language."""

    def __init__(self, found: QuarterReport, language: str) -> None:
        self.found, self._language = found, language
        self._words = catalogue(language)
        self._zone = ZoneInfo(found.charter.time_zone)

    def say(self, message: str) -> str:
        return self._words.get(message, message)

    def county(self, code: str) -> str:
        member = self.found.charter.members.get(code)
        if member is None:
            return code
        return f"{code} {member.name.zh if self._language == SOURCE_LANGUAGE else member.name.en}"

    def local(self, at: str) -> str:
        return instant(at).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def title(self) -> str:
        name = self.found.charter.alliance.name
        alliance = name.zh if self._language == SOURCE_LANGUAGE else name.en
        return " ".join((alliance, self.say(marked("审计报告")), self.found.quarter))

    def tables(self) -> Iterator[Table]:
        yield self._basis()
        yield self._traffic()
        yield self._digests()
        yield self._findings()
        yield self._pairs()
        yield self._discrepancies()
        yield self._accesses()

    def _basis(self) -> Table:
        opened = self.found.checkpoint
        state = marked("已定局") if opened.final else marked("尚未定局")
        rows: list[tuple[str, object]] = [
            (self.say(marked("账本名称")), opened.checkpoint.origin),
            (self.say(marked("检查点")), opened.checkpoint.size),
            (self.say(marked("根")), opened.checkpoint.root.hex()),
            (self.say(marked("签署")), self.local(written(opened.at))),
            (self.say(marked("定局")), self.say(state)),
            (self.say(marked("会签单位")), ", ".join(map(self.county, sorted(opened.cosigned)))),
            (self.say(marked("章程")), self.found.charter.name),
        ]
        missing = ", ".join(f"{self.county(county)} {kind}" for county, kind in self.found.missing_books)
        rows.append((self.say(marked("没有交来的簿")), missing or self.say(marked("无"))))
        return self.say(marked("依据")), (self.say(marked("项目")), self.say(marked("值"))), rows

    def _traffic(self) -> Table:
        columns = [
            marked("单位"), marked("报警"), marked("即时通知"), marked("季度通报"), marked("拒收"),
            marked("获知到收到，中位秒"), marked("最长秒"), marked("收到报警"), marked("已签收"),
            marked("收到到签收，中位秒"),
        ]  # fmt: skip
        rows = [
            (
                self.county(each.county), each.alarms, each.notices, each.digests, each.refused,
                _rounded(each.told_median), _rounded(each.told_longest), each.rang, each.answered,
                _rounded(each.answered_median),
            )
            for each in self.found.traffic
        ]  # fmt: skip
        return self.say(marked("往来与时效")), [self.say(each) for each in columns], rows

    def _digests(self) -> Table:
        columns = [marked("单位"), marked("件数"), marked("其中即时"), marked("账上")]
        rows = [(self.county(each.county), each.count, each.prompt, each.place) for each in self.found.digests]
        return self.say(marked("季度通报清单")), [self.say(each) for each in columns], rows

    def _findings(self) -> Table:
        columns = [
            marked("问题"), marked("单位"), marked("时间"), marked("事件"), marked("账上"), marked("事由"),
            marked("用时（秒）"), marked("限时（秒）"), marked("说明"),
        ]  # fmt: skip
        rows = [
            (
                self.say(labels.FOUND[each.kind]), self.county(each.county), self.local(each.at), each.id, each.place,
                self.say(RULE_NAMES.get(each.rule or "", each.rule or "")), _rounded(each.took), _rounded(each.limit),
                each.detail,
            )
            for each in self.found.findings
        ]  # fmt: skip
        return self.say(marked("发现的问题")), [self.say(each) for each in columns], rows

    def _pairs(self) -> Table:
        columns = [
            marked("发件"), marked("收件"), marked("册"), marked("道"), marked("末号"), marked("发出"), marked("入账"),
            marked("收到"), marked("作废"), marked("在途"),
        ]  # fmt: skip
        rows = [
            (
                self.county(lane.sender), self.county(lane.recipient), lane.book, lane.lane, lane.head,
                lane.sent, lane.logged, lane.came, lane.void, lane.waiting,
            )
            for pair in self.found.pairs
            for lane in pair.lanes
        ]  # fmt: skip
        return self.say(marked("对账")), [self.say(each) for each in columns], rows

    def _discrepancies(self) -> Table:
        columns = [
            marked("问题"),
            marked("发件"),
            marked("收件"),
            marked("事件"),
            marked("道"),
            marked("序号"),
            marked("账上"),
            marked("说明"),
        ]
        rows = [
            (
                self.say(labels.ODD[each.odd]), self.county(each.sender), self.county(each.recipient), each.id,
                each.lane, each.first if each.first == each.last else f"{each.first}-{each.last}", each.place,
                each.detail,
            )
            for pair in self.found.pairs
            for each in pair.discrepancies
        ]  # fmt: skip
        return self.say(marked("账实不符")), [self.say(each) for each in columns], rows

    def _accesses(self) -> Table:
        columns = [marked("单位"), *_HOWS.values(), marked("链条")]
        rows = [
            (
                self.county(each.county),
                *(dict(each.by_how).get(how, 0) for how in _HOWS),
                self.say(marked("完整") if each.whole else marked("断裂")),
            )
            for each in self.found.looks
        ]
        return self.say(marked("调阅记录")), [self.say(each) for each in columns], rows


def _rounded(seconds: float | None) -> object:
    return None if seconds is None else round(seconds)


_STYLE: Final = (
    "body{font:15px/1.6 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;margin:2em auto;max-width:80em;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0 2em}th,td{border:1px solid #999;padding:.25em .6em;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}th{background:#eee}@media print{body{margin:0;font-size:11px}}"
)


def as_html(found: QuarterReport, language: str) -> str:
    """Write a report as one page. ``language`` is ``zh_CN`` or ``en``."""
    pen = _Pen(found, language)
    parts = [
        f'<!doctype html>\n<html lang="{"zh-CN" if language == SOURCE_LANGUAGE else "en"}">',
        '<head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{html.escape(pen.title())}</title>\n<style>{_STYLE}</style></head>\n<body>",
        f"<h1>{html.escape(pen.title())}</h1>",
    ]
    for title, columns, rows in pen.tables():
        parts.append(f"<h2>{html.escape(title)}</h2>")
        if not rows:
            parts.append("<p>" + html.escape(pen.say(marked("无"))) + "</p>")
            continue
        parts.append(
            "<table><thead><tr>" + "".join(f"<th>{html.escape(each)}</th>" for each in columns) + "</tr></thead>"
        )
        parts += ["<tr>" + "".join(f"<td>{html.escape(_text(each))}</td>" for each in row) + "</tr>" for row in rows]
        parts.append("</table>")
    return "\n".join([*parts, "</body></html>", ""])


def as_csv(found: QuarterReport, language: str) -> str:
    """Write a report as one CSV (RFC 4180): each table after a line with its title, an empty line between."""
    pen, text = _Pen(found, language), io.StringIO()
    writer = csv.writer(text)
    writer.writerow([pen.title()])
    for title, columns, rows in pen.tables():
        writer.writerows([[], [title], columns])
        writer.writerows([[guarded(_text(each)) for each in row] for row in rows])
    return text.getvalue()


def _text(value: object) -> str:
    return "" if value is None else str(value)
