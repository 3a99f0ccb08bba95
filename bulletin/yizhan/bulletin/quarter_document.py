"""The events of a quarter between two counties as a Markdown document.

Rule 1: nothing is left out: withdrawn events are struck out, superseded ones name their successor, doubtful ones are
        marked, missing ones are named.
Rule 2: words of others are text, never markup.
Rule 3: an empty quarter is shown too (零报告), but only verified closing manifests prove that it was empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from yizhan.bulletin.labels import WAY_NAMES
from yizhan.bulletin.matters import Replacements
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.schemas.invisible import blanked
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.letters import status_mark
from yizhan.schemas.policy import Way

OTHER: Final = marked("其他")
_ORDER: Final = {name: place for place, name in enumerate(TYPES)}
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>#|~&@]|:(?=//)|(?<=www)\.")
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class CheckedManifest:
    """A manifest that the quarter rests on; ``verdict`` and ``warnings`` are the sentences of its check."""

    manifest: Manifest
    hash: bytes
    verdict: str
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class QuarterDocument:
    """What the document says.

    ``county`` and ``partner`` are names; ``proven``: the manifests name everything that was received. ``others``,
    ``system`` and ``unverified`` count what they name beside the partner's events. ``warning`` makes a sentence of
    the word of an event's warning.
    """

    label: str
    county: str
    partner: str
    made: datetime
    zone: ZoneInfo
    manifests: Sequence[CheckedManifest]
    proven: bool
    received: Sequence[QuarterEvent]
    sent: Sequence[QuarterEvent]
    replacements: Replacements
    others: int
    system: int
    unverified: int
    warning: Callable[[str], str]

    def minute(self, time: datetime | str) -> str:
        """Write an instant in the alliance's time zone, to the minute."""
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")


def named_events(manifests: Sequence[Manifest]) -> tuple[int, int]:
    """Count the events that manifests name together, and those that were to come at once."""
    return sum(each.count for each in manifests), sum(each.prompt for each in manifests)


def event_counts(events: Sequence[QuarterEvent], replacements: Replacements) -> Mapping[str, int]:
    """Count the events of one direction by way and by what became of them."""
    here = [each for each in events if not each.missing]
    return {
        "all": len(events),
        **{way.value: sum(each.way is way for each in here) for way in Way},
        "withdrawn": sum(each.key in replacements.withdrawn for each in here),
        "superseded": sum(each.key in replacements.superseded for each in here),
        "exercises": sum(each.status != "Actual" for each in here),
        "missing": len(events) - len(here),
    }


def listed_events(events: Sequence[QuarterEvent]) -> list[QuarterEvent]:
    """Order by mechanism and type as the table has them, then by time; unknown types, then missing events last."""

    def place(each: QuarterEvent) -> tuple[bool, int, str, str, str]:
        return each.missing, _ORDER.get(each.type, len(_ORDER)), each.type, each.time, each.id

    return sorted(events, key=place)


def place_text(event: QuarterEvent) -> str:
    """Return where an event happened, below the county; empty where its payload does not say."""
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


def quarter_markdown(document: QuarterDocument) -> str:
    """Return the document, in the language of this request."""
    year, quarter = document.label.split("Q")
    county, partner = document.county, document.partner
    title = _("{me}与{partner}环境安全情报通报 {year}年第{quarter}季度")
    zone = _("时间为{zone}。").format(zone=document.zone.key)
    lines = [
        "# " + title.format(me=county, partner=partner, year=year, quarter=quarter),
        "",
        _("编制时间：{time}。").format(time=document.minute(document.made)) + zone,
        "",
        *_proof(document),
        "",
    ]
    proven = document.proven
    if proven and not document.received and not document.sent:
        lines += [_("**零报告**：本期双方之间没有文书。"), ""]
    else:
        nothing_received = _("零报告。") if proven else _("没有核对一致的季度清单，尚不能断定有无。")
        nothing_sent = _("零报告。") if proven else _("编制时本县没有发出。")
        for sender, receiver, events, nothing in (
            (partner, county, document.received, nothing_received),
            (county, partner, document.sent, nothing_sent),
        ):
            lines += ["## " + _("{sender}发往{receiver}").format(sender=sender, receiver=receiver), ""]
            lines += [*_direction(document, events)] if events else [nothing, ""]
    return "\n".join(lines).rstrip() + "\n"


def _proof(document: QuarterDocument) -> Iterator[str]:
    if not document.manifests:
        yield _("核对：驿站清单未到，收文部分待补。")
        return
    for each in document.manifests:
        line = _("核对：{verdict}（{word}，{time}，共{count}件，其中即时送达{prompt}件；编号{name}）。")
        yield line.format(
            verdict=each.verdict,
            word=_("期中清单") if each.manifest.interim else _("季度清单"),
            time=document.minute(each.manifest.closed),
            count=each.manifest.count,
            prompt=each.manifest.prompt,
            name=each.hash.hex()[:16],
        )
        yield ""
        for warning in each.warnings:
            yield "- " + warning
    count, prompt = named_events([each.manifest for each in document.manifests])
    if len(document.manifests) > 1:
        line = _("本季度结算{times}次，清单合计{count}件，其中即时送达{prompt}件。")
        yield line.format(times=len(document.manifests), count=count, prompt=prompt)
        yield ""
    if count:
        line = _("本季度各县来文：{partner}的{here}件列于本表，其他县{others}件，回执、系统通知和通报{system}件。")
        here = len(document.received)
        yield line.format(partner=document.partner, here=here, others=document.others, system=document.system)
    if document.unverified:
        yield "- " + _("清单中另有{count}件署名无效，已另存。").format(count=document.unverified)


def _direction(document: QuarterDocument, events: Sequence[QuarterEvent]) -> Iterator[str]:
    yield _(
        "共{all}件：报警{alarm}件，通知{notice}件，季度{digest}件；"
        "已撤回{withdrawn}件，已更正{superseded}件，演练{exercises}件，缺{missing}件。"
    ).format(**event_counts(events, document.replacements))
    yield ""
    listed = listed_events(events)
    here = [event for event in listed if not event.missing]
    for name, group in groupby(here, key=lambda event: mechanism(event.type)):
        yield f"### {_(name)}"
        yield ""
        for type_, of_type in groupby(group, key=lambda event: event.type):
            rows = [_row(document, event) for event in of_type]
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


def _row(document: QuarterDocument, event: QuarterEvent) -> str:
    cells = [
        markdown_text(event.id),
        document.minute(event.time),
        markdown_text(place_text(event)),
        status_mark(event.status) + (markdown_text(event.summary) or _("（内容无法打开）")),
        _(WAY_NAMES[event.way.value]),
    ]
    if event.key in document.replacements.withdrawn:
        cells = [f"~~{cell}~~" if cell else "" for cell in cells]
    return "| " + " | ".join([*cells, join_sentences(_notes(document, event))]) + " |"


def _notes(document: QuarterDocument, event: QuarterEvent) -> Iterator[str]:
    if event.grade is not None:
        yield _("{grade}级").format(grade=event.grade)
    if (successor := document.replacements.withdrawn.get(event.key)) is not None:
        yield _("已撤回，见{id}").format(id=markdown_text(successor))
    if (successor := document.replacements.superseded.get(event.key)) is not None:
        yield _("已更正，见{id}").format(id=markdown_text(successor))
    yield from map(document.warning, event.warnings)


def markdown_text(text: str) -> str:
    r"""Return words of others as one line of text that no renderer takes for markup, shortened.

    >>> markdown_text("a|b\n# <b>火</b>")
    'a\\|b \\# \\<b\\>火\\</b\\>'
    """
    line = blanked(text).strip()
    short = line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
    return _MARKUP.sub(r"\\\g<0>", short)
