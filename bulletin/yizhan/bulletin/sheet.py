"""The sheet: the bulletin as blocks of text, tables and drawings, in the chosen language.

Rule 1: every number on it is taken from the figures; an analyst's passages are added to them.
Rule 2: others' words are text: no block holds markup, each renderer escapes.
Rule 3: doubts are above the figures, and the proof below them.
Rule 4: an empty quarter has a sheet too (零报告).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from yizhan.bulletin import aggregates, charts
from yizhan.bulletin.blocks import Block, Drawing, Heading, Para, Sheet, Table
from yizhan.bulletin.figures import digest, looked_up
from yizhan.bulletin.labels import (
    COMPARED_NAMES,
    OBLIGATION_STATES,
    OPEN_NAMES,
    OVERVIEW,
    PLACES,
    SUMMARY,
    WAY_NAMES,
    change,
    code_name,
    named,
    quantity,
)
from yizhan.bulletin.material import Material
from yizhan.bulletin.matters import ordered, standing
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.schemas.codes import CODES
from yizhan.schemas.i18n import _, get_language, marked
from yizhan.schemas.invisible import blanked
from yizhan.schemas.obligation_rules import RULE_NAMES, rule_name
from yizhan.schemas.payloads.letters import status_mark
from yizhan.schemas.payloads.table import Counted, counted_as, type_name

_MOST: Final = 300


def sheet(material: Material) -> Sheet:
    """Build the sheet."""
    made = material.figures
    year, quarter = made["label"].split("Q")
    (a, b), level = made["pair"], made["classification"]
    date = material.made.astimezone(ZoneInfo(made["time_zone"]))
    return Sheet(
        title=_("{a}、{b}环境安全季度情报通报").format(a=material.names[a], b=material.names[b]),
        subtitle=_("{year}年第{quarter}季度").format(year=year, quarter=quarter),
        issue=_("〔{year}〕第{quarter}期").format(year=year, quarter=quarter),
        classification=_(level),
        organ=material.names[material.maker],
        date=_("{year}年{month}月{day}日").format(year=date.year, month=date.month, day=date.day),
        blocks=tuple(_cleaned(block) for block in _blocks(material)),
        foot=tuple(_foot(material)),
        language=get_language(),
    )


def _cleaned(block: Block) -> Block:
    """Remove invisible characters from a block: control characters are invalid in XML, and some reorder text."""
    if isinstance(block, Table):
        rows = [[blanked(cell) for cell in row] for row in block.rows]
        return replace(block, columns=[blanked(cell) for cell in block.columns], rows=rows)
    return block if isinstance(block, Drawing) else replace(block, text=blanked(block.text))


def _foot(material: Material) -> Iterator[str]:
    yield _("数据指纹 SHA-256 {value}").format(value=digest(material.figures))
    for code in material.figures["pair"]:
        for each in material.proof.manifests.get(code, ()):
            yield _("{county}清单 {hash} 根 {root}").format(county=material.names[code], hash=each.hash, root=each.root)


def _blocks(material: Material) -> Iterator[Block]:
    for doubt in (*material.proof.doubts, *material.doubts):
        yield Para(str(doubt), loud=True)
    sections = (_overview, _cases, _fires, _typical, _intelligence, _obligations, _open)
    number = 0
    for make in sections:
        blocks = list(make(material))
        if blocks:
            number += 1
            yield Heading(_numbered(number, _(_TITLES[make.__name__])))
            yield from blocks
    for name, title in PLACES.items():
        if text := material.passages.get(name):
            number += 1
            yield Heading(_numbered(number, _(title)))
            yield from _paragraphs(text)
    yield Heading(_("附件一　文书收发与清单核对"))
    yield from _exchange(material)
    if material.events:
        yield Heading(_("附件二　文书目录"))
        yield _listing(material)


_TITLES: Final = {
    "_overview": marked("总体情况"),
    "_cases": marked("案件办理"),
    "_fires": marked("火情与灾害"),
    "_typical": marked("典型案例"),
    "_intelligence": marked("情报提供、使用与反馈"),
    "_obligations": marked("约定事项履行"),
    "_open": marked("未结事项"),
}


def _numbered(number: int, title: str) -> str:
    if get_language() != "zh_CN":
        return f"{number}. {title}"
    return "零一二三四五六七八九十"[number] + "、" + title


def _paragraphs(text: str) -> Iterator[Para]:
    for part in text.split("\n"):
        if part.strip():
            yield Para(part.strip())


def _overview(material: Material) -> Iterator[Block]:
    made = material.figures
    if made["empty"]:
        whole = material.proof.agreed and all(material.proof.closed(code) for code in made["pair"])
        yield Para(_("零报告：本季度双方之间没有文书。") if whole else _("零报告（待双方清单齐备后确认）。"), loud=True)
    elif "overview" not in material.passages:
        yield Para(_summary(made))
    if text := material.passages.get("overview"):
        yield from _paragraphs(text)
    yield _comparison(made)
    if not made["empty"]:
        months = made["months"]
        rows = [(month, [counts["cases"], counts["fires"], counts["intelligence"]]) for month, counts in months.items()]
        legend = [_("案件"), _("火情"), _("情报")]
        title = _("逐月情况（起）")
        yield Drawing(title, charts.bars(rows, legend, title))


def _summary(made: Mapping[str, Any]) -> str:
    return _(OVERVIEW).format(**{name: quantity(looked_up(made, path)) for name, path in SUMMARY.items()})


def _comparison(made: Mapping[str, Any]) -> Table:
    old = [made["compared"][name] for name in ("last_quarter", "last_year")]
    rows = []
    for path, name in COMPARED_NAMES.items():
        now = looked_up(made, path)
        cells = [_(name), quantity(now)]
        for each in old:
            values = each["values"]
            cells += ["—", "—"] if values is None else [quantity(values[path]), change(values[path], now)]
        rows.append(cells)
    columns = [_("项目"), _("本季度"), _("上季度"), _("环比"), _("上年同期"), _("同比")]
    return Table(_("主要数据对比"), columns, rows, widths=(26, 12, 12, 12, 12, 12))


def _by_county(material: Material, caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Return one table of both counties' figures and their sum; rows are (name, path)."""
    codes = material.figures["pair"]
    parts = [*(material.figures["by_county"][code] for code in codes), material.figures]
    columns = [_("项目"), *(material.names[code] for code in codes), _("合计")]
    return Table(
        caption, columns, [[name, *(quantity(looked_up(part, path)) for part in parts)] for name, path in rows]
    )


def _cases(material: Material) -> Iterator[Block]:
    cases = material.figures["cases"]
    if not cases["all"]:
        return
    rows = [(_("刑事案件"), "cases.criminal.all")]
    rows += [("　" + _(stage), f"cases.criminal.stage.{stage}") for stage in aggregates.STAGES]
    rows += [(_("行政案件"), "cases.administrative.all")]
    rows += [("　" + _(nature), f"cases.administrative.nature.{nature}") for nature in ("治安", "林业行政")]
    rows += [(_("线索"), "cases.clues.all"), (_("涉案价值（元）"), "cases.value_cny")]
    rows += [(_("木材（立方米）"), "cases.timber_m3"), (_("植物（株）"), "cases.plants")]
    rows += [(_("野生动物（只）"), "cases.animals"), (_("重量（公斤）"), "cases.kg"), (_("面积（亩）"), "cases.mu")]
    yield _by_county(material, _("案件情况（按首报县；一案多报只计一案，按最新阶段）"), rows)
    if charges := cases["charges"]:
        listed = sorted(charges.items(), key=lambda one: (-one[1], one[0]))
        title = _("刑事案件罪名（起）")
        yield Drawing(
            title, charts.bars([(code_name("charges", name), [count]) for name, count in listed[:10]], [title], title)
        )
    order = [code.value for code in CODES["protections"].entries]
    protected = [
        [f"{kind}（{code_name('protections', level)}）", quantity(amount)]
        for kind, name in ((_("野生动物"), "animals"), (_("植物"), "plants"))
        for level, amount in sorted(
            cases[f"{name}_by_protection"].items(),
            key=lambda one: order.index(one[0]) if one[0] in order else len(order),
        )
    ]
    if protected:
        yield Table(_("涉案物种保护级别"), [_("类别"), _("数量")], protected)


def _fires(material: Material) -> Iterator[Block]:
    made = material.figures
    if made["fires"]["all"] or made["disasters"]["all"] or made["hotspots"]["all"]:
        rows = [
            (_("森林火情（起）"), "fires.all"),
            (_("过火面积（公顷）"), "fires.burnt_ha"),
            (_("受害森林面积（公顷）"), "fires.forest_ha"),
            (_("火情死亡（人）"), "fires.dead"),
            (_("火情受伤（人）"), "fires.injured"),
            (_("越界（起）"), "fires.crossed"),
            (_("自然灾害（起）"), "disasters.all"),
            (_("灾害死亡（人）"), "disasters.dead"),
            (_("灾害失踪（人）"), "disasters.missing"),
            (_("转移群众（人）"), "disasters.evacuated"),
            (_("卫星热点（处）"), "hotspots.all"),
        ]
        yield _by_county(material, _("火情与灾害情况（按首报县）"), rows)
    kinds = {Counted.FIRES: 0, Counted.CASES: 1, Counted.HOTSPOTS: 2}
    points = [(kinds.get(counted_as(each["type"]), 3), (each["at"][0], each["at"][1])) for each in made["points"]]
    legend = [_("火情"), _("案件"), _("热点"), _("其他")]
    title = _("分布示意图（县界仅为示意，不作划界依据）")
    drawn = charts.county_map(material.outlines, material.names, points, legend, title) if points else None
    if drawn is not None:
        yield Drawing(title, drawn)


def _typical(material: Material) -> Iterator[Block]:
    known = {each.id: each for each in material.events}
    chosen = material.typical
    if chosen is None:
        chosen = [(each, "") for each in material.figures["typical"]]
    for number, (event_id, own_text) in enumerate(chosen, 1):
        text = own_text or _case_text(material, known.get(event_id))
        yield Para(f"{number}. {text}（{event_id}）")


def _case_text(material: Material, event: QuarterEvent | None) -> str:
    """Describe a case by its latest event; of persons only what the summary says."""
    if event is None:
        return _("（内容无法打开）")
    thread = [each for each in ordered(material.events) if each.thread == event.thread and each.type == event.type]
    known = standing(ordered(material.events))
    alive = [each for each in thread if known.holds(each)]
    raw = (alive[-1] if alive else event).raw
    summary = str(raw.get("summary") or _("（内容无法打开）"))
    head = [material.names.get(event.source, event.source), type_name(event.type)]
    head += [code_name("charges", word) for word in (raw.get("charge"),) if isinstance(word, str)]
    head += [_(word) for word in (raw.get("case_stage"),) if isinstance(word, str)]
    return "，".join(head) + "：" + short(summary)


def _intelligence(material: Material) -> Iterator[Block]:
    made = material.figures["intelligence"]
    if not made["all"] and not made["fed_back"]:
        return
    rows = [
        (_("提供情报（条）"), "intelligence.all"),
        (_("要求反馈（条）"), "intelligence.asked"),
        (_("作出反馈（条）"), "intelligence.fed_back"),
        (_("已使用（条）"), "intelligence.used"),
    ]
    yield _by_county(material, _("情报提供、使用与反馈"), rows)
    for caption, name in ((_("反馈结果"), "result"), (_("使用方式"), "use")):
        if made[name]:
            yield Table(caption, [caption, _("条")], [[_(word), str(count)] for word, count in made[name].items()])


def _obligations(material: Material) -> Iterator[Block]:
    made = material.figures["obligations"]
    if not made["all"]:
        return
    columns = [_("约定事项"), *(_(name) for name in OBLIGATION_STATES.values())]
    rows = [
        [rule_name(rule), *(str(counts[state]) for state in OBLIGATION_STATES)]
        for rule, counts in made["by_rule"].items()
    ]
    yield Table(_("按事项"), columns, rows)
    rows = [
        [material.names.get(code, code), *(str(counts[state]) for state in OBLIGATION_STATES)]
        for code, counts in made["by_county"].items()
    ]
    yield Table(_("按承担方"), [_("承担方"), *columns[1:]], rows)


def _open(material: Material) -> Iterator[Block]:
    listed = material.figures["open"]
    if not listed:
        yield Para(_("没有未结事项。"))
        return
    rows = []
    for each in listed:
        why, what, debtor, at, name = (each[part] for part in ("why", "type", "whose", "at", "id"))
        owed = what in RULE_NAMES
        shown = rule_name(what) if owed else type_name(what)
        about = name.split("/")[1] if owed else name  # of an obligation: the event or the period
        rows.append(
            [named(OPEN_NAMES, why), shown, material.names.get(debtor, debtor), _local(material, at)[:10], about]
        )
    columns = [_("情形"), _("事项"), _("待办方"), _("日期"), _("编号")]
    yield Table(_("未结事项"), columns, rows, words=True, widths=(18, 16, 12, 14, 40), small=True)


def _exchange(material: Material) -> Iterator[Block]:
    made = material.figures
    titles = {
        "letters": _("文书合计（件）"),
        **{way: _(name) for way, name in WAY_NAMES.items()},
        "exercises": _("演练、测试"),
        "superseded": _("已更正"),
        "withdrawn": _("已撤回"),
        "unreadable": _("无法打开"),
        "missing": _("清单有而未收到"),
    }
    columns = [_("项目"), *(_direction(material, name) for name in made["directions"])]
    rows = [[title, *(str(counts[name]) for counts in made["directions"].values())] for name, title in titles.items()]
    yield Table(_("文书收发情况"), columns, rows)
    rows = [
        [
            material.names[code],
            _local(material, each.closed),
            _("期中") if each.interim else _("结算"),
            str(each.count),
            str(each.prompt),
            each.hash,
        ]
        for code in made["pair"]
        for each in material.proof.manifests.get(code, ())
    ]
    if rows:
        columns = [_("收件县"), _("结算时间"), _("种类"), _("件数"), _("其中即时"), _("清单指纹")]
        caption = _("驿站清单（件数含各县来文、回执和系统通知）")
        yield Table(caption, columns, rows, words=True, widths=(13, 19, 9, 9, 11, 39), small=True)


def _direction(material: Material, name: str) -> str:
    source, to = name.split(">")
    return f"{material.names[source]}→{material.names[to]}"


def _listing(material: Material) -> Table:
    events = ordered(material.events)
    known = standing(events)
    rows = []
    for number, each in enumerate(events, 1):
        notes = [_("{grade}级").format(grade=each.grade)] if each.grade is not None else []
        notes += [_("已更正")] if each.key in known.superseded else []
        notes += [_("已撤回")] if each.key in known.withdrawn else []
        notes += [_("未收到")] if each.missing else []
        mark = status_mark(each.status)
        summary = short(str(each.raw.get("title") or each.raw.get("summary") or ""), 60)
        rows.append(
            [
                str(number),
                _local(material, each.time),
                material.names.get(each.source, each.source),
                mark + type_name(each.type),
                summary,
                each.id,
                "、".join(notes),
            ]
        )
    columns = [_("序号"), _("得知时间"), _("发件"), _("类别"), _("摘要"), _("编号"), _("备注")]
    # English names of types are long; Chinese summaries need the room.
    widths = (7, 19, 10, 14, 26, 25, 8) if get_language() == "zh_CN" else (7, 20, 12, 17, 20, 25, 9)
    return Table("", columns, rows, words=True, widths=widths, small=True)


def short(text: str, most: int = _MOST) -> str:
    """Return a text on one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most] + "…"


def _local(material: Material, time: str) -> str:
    if not time:
        return ""
    return f"{datetime.fromisoformat(time).astimezone(ZoneInfo(material.figures['time_zone'])):%Y-%m-%d %H:%M}"
