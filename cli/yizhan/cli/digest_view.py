"""The events of a quarter as JSON and as Markdown.

Rule 1: nothing is left out: withdrawn events are struck out, superseded ones name their successor, doubtful ones are
        marked, missing ones are named.
Rule 2: words of others are text, never markup.
Rule 3: an empty quarter is shown too (零报告), but only verified closing manifests prove that it was empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.consumers.items import EXERCISE, TEST
from yizhan.consumers.labels import Warn, sentence
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.schemas.invisible import blanked
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.policy import Way
from yizhan.services.digests import QuarterEvents
from yizhan.services.home import Home

OTHER: Final = marked("其他")
_ORDER: Final = {name: place for place, name in enumerate(TYPES)}
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>#|~&@]|:(?=//)|(?<=www)\.")
_LONGEST: Final = 300
_WAYS: Final = {Way.ALARM: marked("报警"), Way.NOTICE: marked("通知"), Way.DIGEST: marked("季度")}


def manifest_kind(manifest: Manifest) -> str:
    """Return what kind of close a manifest is of."""
    if manifest.interim:
        return _("中期")
    return _("零报告") if manifest.count == 0 else _("结算")


def quarter_json(shown: QuarterEvents) -> dict[str, Any]:
    """Return the events of a quarter for programs: words, not sentences."""
    contents = shown.contents
    count, prompt = _totals(shown)
    return {
        "label": shown.label,
        "county": shown.county,
        "partner": shown.partner,
        "made": shown.made,
        "empty": shown.empty,
        "proven": contents.proven,
        "digests": [
            {
                "manifest": digest.hash.hex(),
                "interim": digest.manifest.interim,
                "closed": digest.manifest.closed,
                "count": digest.manifest.count,
                "prompt": digest.manifest.prompt,
                "verdict": digest.verdict.value,
                "warnings": [warning.value for warning in digest.warnings],
            }
            for digest in contents.digests
        ],
        "named": {
            "all": count,
            "prompt": prompt,
            "here": len(shown.received),
            "others": contents.not_listed.others,
            "system": contents.not_listed.system,
            "unverified": contents.not_listed.unverified,
        },
        "counts": {"in": _counts(shown, shown.received), "out": _counts(shown, shown.sent)},
        "in": [_event_json(shown, event) for event in _sorted(shown.received)],
        "out": [_event_json(shown, event) for event in _sorted(shown.sent)],
    }


def _totals(shown: QuarterEvents) -> tuple[int, int]:
    """Count the events that the cited manifests name together, and those that were to come at once."""
    manifests = [each.manifest for each in shown.contents.digests]
    return sum(each.count for each in manifests), sum(each.prompt for each in manifests)


def _counts(shown: QuarterEvents, events: Sequence[QuarterEvent]) -> dict[str, int]:
    here = [each for each in events if not each.missing]
    return {
        "all": len(events),
        **{way.value: sum(each.way is way for each in here) for way in Way},
        "withdrawn": sum(each.key in shown.replacements.withdrawn for each in here),
        "superseded": sum(each.key in shown.replacements.superseded for each in here),
        "exercises": sum(each.status != "Actual" for each in here),
        "missing": len(events) - len(here),
    }


def _sorted(events: Sequence[QuarterEvent]) -> list[QuarterEvent]:
    """Order by mechanism and type as the table has them, then by time; unknown types, then missing events last."""

    def place(each: QuarterEvent) -> tuple[bool, int, str, str, str]:
        return each.missing, _ORDER.get(each.type, len(_ORDER)), each.type, each.time, each.id

    return sorted(events, key=place)


def _event_json(shown: QuarterEvents, event: QuarterEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "mechanism": mechanism(event.type),
        "type": event.type,
        "status": event.status,
        "time": event.time,
        "way": event.way.value,
        "rule": event.rule,
        "grade": event.grade,
        "place": _place(event),
        "summary": event.summary,
        "superseded_by": shown.replacements.superseded.get(event.key),
        "withdrawn_by": shown.replacements.withdrawn.get(event.key),
        "warnings": event.warnings,
        "missing": event.missing,
    }


def _place(event: QuarterEvent) -> str:
    where = event.raw.get("place")
    names = ("township", "village", "spot")
    return "".join(str(where[name]) for name in names if name in where) if isinstance(where, dict) else ""


def mechanism(type_: str) -> str:
    """Return which of the agreement's five mechanisms a type serves, in Chinese; 其他 for an unknown one.

    >>> mechanism("yizhan.intelligence.report.v1"), mechanism("yizhan.weather.v9")
    ('联享', '其他')
    """
    row = TYPES.get(type_)
    return OTHER if row is None else row.mechanism


def quarter_markdown(home: Home, shown: QuarterEvents) -> str:
    """Return the events of a quarter for people."""
    year, quarter = shown.label.split("Q")
    county, partner = (_county_name(home, code) for code in (shown.county, shown.partner))
    title = _("{me}与{partner}环境安全情报通报 {year}年第{quarter}季度")
    zone = _("时间为{zone}。").format(zone=home.zone.key)
    lines = [
        "# " + title.format(me=county, partner=partner, year=year, quarter=quarter),
        "",
        _("编制时间：{time}。").format(time=_minute(home, shown.made)) + zone,
        "",
        *_proof(home, shown),
        "",
    ]
    if shown.empty:
        lines += [_("**零报告**：本期双方之间没有文书。"), ""]
    else:
        proven = shown.contents.proven
        nothing_received = _("零报告。") if proven else _("没有核对一致的季度清单，尚不能断定有无。")
        nothing_sent = _("零报告。") if proven else _("编制时本县没有发出。")
        for sender, receiver, events, nothing in (
            (partner, county, shown.received, nothing_received),
            (county, partner, shown.sent, nothing_sent),
        ):
            lines += ["## " + _("{sender}发往{receiver}").format(sender=sender, receiver=receiver), ""]
            lines += [*_direction(home, shown, events)] if events else [nothing, ""]
    return "\n".join(lines).rstrip() + "\n"


def _county_name(home: Home, code: str) -> str:
    return home.localized(home.charters.latest().members[code].name)


def _proof(home: Home, shown: QuarterEvents) -> Iterator[str]:
    digests, not_listed = shown.contents.digests, shown.contents.not_listed
    if not digests:
        yield _("核对：驿站清单未到，收文部分待补。")
        return
    for digest in digests:
        manifest = digest.manifest
        line = _("核对：{verdict}（{word}，{time}，共{count}件，其中即时送达{prompt}件；编号{name}）。")
        yield line.format(
            verdict=sentence(digest.verdict),
            word=_("期中清单") if manifest.interim else _("季度清单"),
            time=_minute(home, manifest.closed),
            count=manifest.count,
            prompt=manifest.prompt,
            name=digest.hash.hex()[:16],
        )
        yield ""
        for warning in digest.warnings:
            yield "- " + sentence(warning)
    count, prompt = _totals(shown)
    if len(digests) > 1:
        line = _("本季度结算{times}次，清单合计{count}件，其中即时送达{prompt}件。")
        yield line.format(times=len(digests), count=count, prompt=prompt)
        yield ""
    if count:
        line = _("本季度各县来文：{partner}的{here}件列于本表，其他县{others}件，回执、系统通知和通报{system}件。")
        partner, here = _county_name(home, shown.partner), len(shown.received)
        yield line.format(partner=partner, here=here, others=not_listed.others, system=not_listed.system)
    if not_listed.unverified:
        yield "- " + _("清单中另有{count}件署名无效，已另存。").format(count=not_listed.unverified)


def _direction(home: Home, shown: QuarterEvents, events: Sequence[QuarterEvent]) -> Iterator[str]:
    yield _(
        "共{all}件：报警{alarm}件，通知{notice}件，季度{digest}件；"
        "已撤回{withdrawn}件，已更正{superseded}件，演练{exercises}件，缺{missing}件。"
    ).format(**_counts(shown, events))
    yield ""
    listed = _sorted(events)
    here = [event for event in listed if not event.missing]
    for name, group in groupby(here, key=lambda event: mechanism(event.type)):
        yield f"### {_(name)}"
        yield ""
        for type_, of_type in groupby(group, key=lambda event: event.type):
            rows = [_row(home, shown, event) for event in of_type]
            known = TYPES.get(type_)
            yield f"#### {markdown_text(type_) if known is None else _(known.title)} ({len(rows)})"
            yield ""
            yield _("| 编号 | 得知时间 | 地点 | 简要情况 | 方式 | 备注 |")
            yield "| --- | --- | --- | --- | --- | --- |"
            yield from rows
            yield ""
    for event in listed:
        if event.missing:
            yield "- **" + _("缺：清单列有{id}，本县未收到。").format(id=markdown_text(event.id)) + "**"


def _row(home: Home, shown: QuarterEvents, event: QuarterEvent) -> str:
    mark = {"Exercise": _(EXERCISE), "Test": _(TEST)}.get(event.status, "")
    cells = [
        markdown_text(event.id),
        _minute(home, event.time),
        markdown_text(_place(event)),
        mark + (markdown_text(event.summary) or _("（内容无法打开）")),
        _(_WAYS[event.way]),
    ]
    if event.key in shown.replacements.withdrawn:
        cells = [f"~~{cell}~~" if cell else "" for cell in cells]
    return "| " + " | ".join([*cells, join_sentences(_notes(shown, event))]) + " |"


def _notes(shown: QuarterEvents, event: QuarterEvent) -> Iterator[str]:
    if event.grade is not None:
        yield _("{grade}级").format(grade=event.grade)
    if (by := shown.replacements.withdrawn.get(event.key)) is not None:
        yield _("已撤回，见{id}").format(id=markdown_text(by))
    if (by := shown.replacements.superseded.get(event.key)) is not None:
        yield _("已更正，见{id}").format(id=markdown_text(by))
    for warning in event.warnings:
        yield sentence(Warn(warning))


def markdown_text(text: str) -> str:
    r"""Return words of others as one line of text that no renderer takes for markup, shortened.

    >>> markdown_text("a|b\n# <b>火</b>")
    'a\\|b \\# \\<b\\>火\\</b\\>'
    """
    line = blanked(text).strip()
    short = line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
    return _MARKUP.sub(r"\\\g<0>", short)


def _minute(home: Home, time: datetime | str) -> str:
    """Write an instant in the alliance's time zone, to the minute."""
    return home.local_time(time)[:16]
