"""The bulletin of a quarter between two counties, in both directions: a pure function of data.

联享 asks for a regular exchange each quarter; this is the sheet that both sides sign. What came is
told by the digest (urgent events by reference), what went out by our own outbox.

Rule 1: nothing is left out: what was withdrawn is struck out, what was superseded says by what, what
        is doubtful says so, what is missing is named.
Rule 2: words of others are text, never markup: they cannot dress up the sheet.
Rule 3: an empty quarter is a sheet too (零报告), but only a verified closing manifest proves that it was empty.
Rule 4: a quarter that was closed more than once cites every manifest, and adds them up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from yizhan.consumers.checks import NEVER_RECEIPTED
from yizhan.consumers.digests import Digest, DigestMember
from yizhan.consumers.items import EXERCISE, TEST
from yizhan.consumers.labels import ManifestVerdict, Warn, sentence
from yizhan.schemas.header import Header
from yizhan.schemas.i18n import _, get_language, marked
from yizhan.schemas.invisible import blanked
from yizhan.schemas.payloads import TYPES, ReadPayload, read
from yizhan.schemas.payloads.table import type_name
from yizhan.schemas.policy import Way
from yizhan.schemas.policy_facts import Words
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sent_events import SentEvent
from yizhan.schemas.timestamps import instant, written

Direction = Literal["in", "out"]
OTHER: Final = marked("其他")
_ORDER: Final = {name: place for place, name in enumerate(TYPES)}
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>#|~&@]|:(?=//)|(?<=www)\.")
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two counties."""

    code: str
    name: Words

    def __str__(self) -> str:
        """Write its name in the language chosen."""
        return self.name.zh if get_language() == "zh_CN" else self.name.en


@dataclass(frozen=True, slots=True)
class Entry:
    """One event on the sheet. Times are written instants; ``way`` is how it reached its recipient.

    ``missing`` tells that the digest names it and we do not have it; then only ``id`` is known.
    """

    id: str
    direction: Direction
    type: str = ""
    status: str = "Actual"
    time: str = ""
    way: Way = Way.DIGEST
    rule: str = ""
    grade: int | None = None
    place: str = ""
    summary: str = ""
    superseded_by: str | None = None
    withdrawn_by: str | None = None
    warnings: tuple[Warn, ...] = ()
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Bulletin:
    """The sheet as data. ``digests`` are those that the incoming half was read from, the newest last.

    Of their events, beside the incoming half: ``others`` are of other counties, ``system`` are receipts and
    notices of the system, ``unverified`` cannot be shown, from whatever county.
    """

    label: str
    me: Side
    partner: Side
    made: str
    time_zone: str
    digests: tuple[Digest, ...]
    incoming: tuple[Entry, ...]
    outgoing: tuple[Entry, ...]
    others: int = 0
    system: int = 0
    unverified: int = 0

    @property
    def proven(self) -> bool:
        """Whether closing manifests that agree with what we have say what came."""
        sound = (each.verdict is ManifestVerdict.VERIFIED and not each.manifest.interim for each in self.digests)
        return bool(self.digests) and all(sound) and not self.unverified

    @property
    def empty(self) -> bool:
        """Whether it is proven that nothing at all went between the two (零报告)."""
        return self.proven and not self.incoming and not self.outgoing

    @property
    def totals(self) -> tuple[int, int]:
        """How many events the manifests name together, and how many of them were to come at once."""
        return sum(each.manifest.count for each in self.digests), sum(each.manifest.prompt for each in self.digests)


def period(label: str, time_zone: str, digest: Digest | None, before: Digest | None) -> tuple[datetime, datetime]:
    """Return from when until when the outgoing half reaches: as far as the digest does.

    Args:
        label: the quarter, such as ``2026Q3``.
        time_zone: of the alliance.
        digest: the one that the incoming half is read from; None: the calendar's quarter.
        before: the closing digest before that one, None for none.
    """
    quarter = Quarter.parse(label)
    since = quarter.start(time_zone) if before is None else before.manifest.made
    return since, quarter.end(time_zone) if digest is None else digest.manifest.made


def compiled(
    label: str,
    sides: tuple[Side, Side],
    made: datetime,
    time_zone: str,
    came: tuple[Sequence[Digest], Sequence[DigestMember]],
    sent: Iterable[SentEvent],
) -> Bulletin:
    """Put a sheet together.

    Args:
        label: the quarter.
        sides: we and the partner.
        made: now.
        time_zone: of the alliance, for showing times.
        came: the quarter's digests, the newest last, and their members; empty where there is none yet.
        sent: what we sent in the ``period``, to anybody.
    """
    me, partner = sides
    digests, members = came
    place = [_belongs(member, partner.code) for member in members]
    return Bulletin(
        label=label,
        me=me,
        partner=partner,
        made=written(made),
        time_zone=time_zone,
        digests=tuple(digests),
        incoming=tuple(sorted(_incoming(members, partner.code), key=_place)),
        outgoing=tuple(sorted(_outgoing(sent, partner.code), key=_place)),
        others=place.count("other"),
        system=place.count("system"),
        unverified=place.count("unverified"),
    )


def _place(entry: Entry) -> tuple[bool, int, str, str, str]:
    """Order by mechanism and type as the table has them, then by time; unknown types, then missing ones last."""
    return entry.missing, _ORDER.get(entry.type, len(_ORDER)), entry.type, entry.time, entry.id


def _belongs(member: DigestMember, partner: str) -> Literal["partner", "other", "system", "unverified"]:
    """Tell where an event of a digest is counted."""
    if member.item is None and member.id is None:
        return "unverified"
    if member.item is not None and member.item.type in NEVER_RECEIPTED:
        return "system"
    return "partner" if (member.id or "")[:6] == partner else "other"


def _incoming(members: Iterable[DigestMember], partner: str) -> Iterator[Entry]:
    for member in members:
        item = member.item
        if _belongs(member, partner) != "partner":
            continue
        if item is None:
            yield Entry(member.id or "", "in", way=Way.ALARM if member.prompt else Way.DIGEST, missing=True)
        else:
            entry = _entry("in", item.header, item.contents, item.way, item.rule)
            yield replace(
                entry, superseded_by=item.superseded_by, withdrawn_by=item.withdrawn_by, warnings=item.warnings
            )


def _outgoing(sent: Iterable[SentEvent], partner: str) -> Iterator[Entry]:
    events = list(sent)
    superseded = {(ref.id, ref.hash): each.header.id for each in events if (ref := each.header.supersedes)}
    withdrawn = {(ref.id, ref.hash): each.header.id for each in events if (ref := each.header.withdraws)}
    for each in events:
        header = each.header
        decision = each.decisions.get(partner)
        if decision is None or header.type in NEVER_RECEIPTED:
            continue
        key = (header.id, each.hash.hex())
        entry = _entry("out", header, read(header.type, each.payload), decision.way, decision.rule)
        yield replace(entry, superseded_by=superseded.get(key), withdrawn_by=withdrawn.get(key))


def _entry(direction: Direction, header: Header, contents: ReadPayload | None, way: Way, rule: str) -> Entry:
    raw: Mapping[str, Any] = {} if contents is None else contents.raw
    text = contents.text if contents is not None else None
    said = [part for part in (raw.get("title"), raw.get("summary"), text) if isinstance(part, str)]
    where = raw.get("place")
    names = ("township", "village", "spot")
    place = "".join(str(where[name]) for name in names if name in where) if isinstance(where, dict) else ""
    return Entry(
        id=header.id,
        direction=direction,
        type=header.type,
        status=header.status,
        time=header.time,
        way=way,
        rule=rule,
        grade=header.grade,
        place=place,
        summary="：".join(said),
    )


def as_json(bulletin: Bulletin) -> dict[str, Any]:
    """Return the sheet as JSON values, for programs: words, not sentences."""
    count, prompt = bulletin.totals
    return {
        "label": bulletin.label,
        "county": bulletin.me.code,
        "partner": bulletin.partner.code,
        "made": bulletin.made,
        "empty": bulletin.empty,
        "proven": bulletin.proven,
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
            for digest in bulletin.digests
        ],
        "named": {
            "all": count,
            "prompt": prompt,
            "here": len(bulletin.incoming),
            "others": bulletin.others,
            "system": bulletin.system,
            "unverified": bulletin.unverified,
        },
        "counts": {"in": counts(bulletin.incoming), "out": counts(bulletin.outgoing)},
        "in": [_entry_json(entry) for entry in bulletin.incoming],
        "out": [_entry_json(entry) for entry in bulletin.outgoing],
    }


def counts(entries: Sequence[Entry]) -> dict[str, int]:
    """Count events: all, by way, withdrawn, superseded, exercises, missing."""
    real = [entry for entry in entries if not entry.missing]
    return {
        "all": len(entries),
        **{way.value: sum(entry.way is way for entry in real) for way in Way},
        "withdrawn": sum(entry.withdrawn_by is not None for entry in real),
        "superseded": sum(entry.superseded_by is not None for entry in real),
        "exercises": sum(entry.status != "Actual" for entry in real),
        "missing": len(entries) - len(real),
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "mechanism": mechanism(entry.type),
        "type": entry.type,
        "status": entry.status,
        "time": entry.time,
        "way": entry.way.value,
        "rule": entry.rule,
        "grade": entry.grade,
        "place": entry.place,
        "summary": entry.summary,
        "superseded_by": entry.superseded_by,
        "withdrawn_by": entry.withdrawn_by,
        "warnings": [warning.value for warning in entry.warnings],
        "missing": entry.missing,
    }


def mechanism(type_: str) -> str:
    """Return which of the agreement's five mechanisms a type serves, in Chinese; 其他 for an unknown one.

    >>> mechanism("yizhan.intelligence.report.v1"), mechanism("yizhan.weather.v9")
    ('联享', '其他')
    """
    row = TYPES.get(type_)
    return OTHER if row is None else row.mechanism


_WAYS: Final = {Way.ALARM: marked("报警"), Way.NOTICE: marked("通知"), Way.DIGEST: marked("季度")}


def markdown(bulletin: Bulletin) -> str:
    """Write the sheet for people, in the language chosen."""
    year, quarter = bulletin.label.split("Q")
    title = _("{me}与{partner}环境安全情报通报 {year}年第{quarter}季度")
    zone = _("时间为{zone}。")
    lines = [
        "# " + title.format(me=bulletin.me, partner=bulletin.partner, year=year, quarter=quarter),
        "",
        _("编制时间：{time}。").format(time=_local(bulletin.made, bulletin)) + zone.format(zone=bulletin.time_zone),
        "",
        *_proof(bulletin),
        "",
    ]
    if bulletin.empty:
        lines += [_("**零报告**：本期双方之间没有文书。"), ""]
    else:
        nothing = _("零报告。") if bulletin.proven else _("没有核对一致的季度清单，尚不能断定有无。")
        ours = _("零报告。") if bulletin.proven else _("编制时本县没有发出。")
        for sender, receiver, entries, none in (
            (bulletin.partner, bulletin.me, bulletin.incoming, nothing),
            (bulletin.me, bulletin.partner, bulletin.outgoing, ours),
        ):
            lines += ["## " + _("{sender}发往{receiver}").format(sender=sender, receiver=receiver), ""]
            lines += [*_half(entries, bulletin)] if entries else [none, ""]
    return "\n".join(lines).rstrip() + "\n"


def _proof(bulletin: Bulletin) -> Iterator[str]:
    if not bulletin.digests:
        yield _("核对：驿站清单未到，收文部分待补。")
        return
    for digest in bulletin.digests:
        manifest = digest.manifest
        word = _("期中清单") if manifest.interim else _("季度清单")
        line = _("核对：{verdict}（{word}，{time}，共{count}件，其中即时送达{prompt}件；编号{name}）。")
        yield line.format(
            verdict=sentence(digest.verdict),
            word=word,
            time=_local(manifest.closed, bulletin),
            count=manifest.count,
            prompt=manifest.prompt,
            name=digest.hash.hex()[:16],
        )
        yield ""
        for warning in digest.warnings:
            yield "- " + sentence(warning)
    count, prompt = bulletin.totals
    if len(bulletin.digests) > 1:
        line = _("本季度结算{times}次，清单合计{count}件，其中即时送达{prompt}件。")
        yield line.format(times=len(bulletin.digests), count=count, prompt=prompt)
        yield ""
    if count:
        line = _("清单合计各县来文：{partner}的{here}件列于本表，其他县{others}件，回执和系统通知{system}件。")
        yield line.format(
            partner=bulletin.partner, here=len(bulletin.incoming), others=bulletin.others, system=bulletin.system
        )
    if bulletin.unverified:
        yield "- " + _("清单中另有{count}件署名无效，已另存。").format(count=bulletin.unverified)


def _half(entries: Sequence[Entry], bulletin: Bulletin) -> Iterator[str]:
    number = counts(entries)
    yield _(
        "共{all}件：报警{alarm}件，通知{notice}件，季度{digest}件；"
        "已撤回{withdrawn}件，已更正{superseded}件，演练{exercises}件，缺{missing}件。"
    ).format(**number)
    yield ""
    here = [entry for entry in entries if not entry.missing]
    for name, group in groupby(here, key=lambda entry: mechanism(entry.type)):
        yield f"### {_(name)}"
        yield ""
        for type_, events in groupby(group, key=lambda entry: entry.type):
            listed = list(events)
            heading = type_name(type_) if type_ in TYPES else plain(type_)
            yield f"#### {heading} ({len(listed)})"
            yield ""
            yield _("| 编号 | 得知时间 | 地点 | 简要情况 | 方式 | 备注 |")
            yield "| --- | --- | --- | --- | --- | --- |"
            for entry in listed:
                yield _row(entry, bulletin)
            yield ""
    for entry in entries:
        if entry.missing:
            yield "- **" + _("缺：清单列有{id}，本县未收到。").format(id=plain(entry.id)) + "**"


def _row(entry: Entry, bulletin: Bulletin) -> str:
    mark = {"Exercise": _(EXERCISE), "Test": _(TEST)}.get(entry.status, "")
    cells = [
        plain(entry.id),
        _local(entry.time, bulletin),
        plain(entry.place),
        mark + (plain(entry.summary) or _("（内容无法打开）")),
        _(_WAYS[entry.way]),
    ]
    if entry.withdrawn_by is not None:
        cells = [f"~~{cell}~~" if cell else "" for cell in cells]
    return "| " + " | ".join([*cells, "；".join(_notes(entry))]) + " |"


def _notes(entry: Entry) -> Iterator[str]:
    if entry.grade is not None:
        yield _("{grade}级").format(grade=entry.grade)
    if entry.withdrawn_by is not None:
        yield _("已撤回，见{id}").format(id=plain(entry.withdrawn_by))
    if entry.superseded_by is not None:
        yield _("已更正，见{id}").format(id=plain(entry.superseded_by))
    for warning in entry.warnings:
        yield sentence(warning)


def plain(text: str) -> str:
    r"""Return others' words as one line of text that no renderer takes for markup, shortened.

    >>> plain("a|b\n# <b>火</b>")
    'a\\|b \\# \\<b\\>火\\</b\\>'
    """
    line = blanked(text).strip()
    short = line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
    return _MARKUP.sub(r"\\\g<0>", short)


def _local(time: str, bulletin: Bulletin) -> str:
    return f"{instant(time).astimezone(ZoneInfo(bulletin.time_zone)):%Y-%m-%d %H:%M}"
