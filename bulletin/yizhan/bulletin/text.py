"""The analyst's text: one plain text file for a bulletin, edited in Notepad.

Rule 1: figures are never written but named: ``{{letters}}``. Their values are filled in when the sheet is drawn;
        a name that is not a figure is refused, with its line, and so is anything that gives one a value.
Rule 2: the file records for which figures it was written, and the values of those it names; a text whose figures
        have changed since is reported, and is not signed before a person has looked at it again.
Rule 3: a passage is text: its lines become paragraphs, never markup. Lines that begin with ``%`` are the
        program's own and are rewritten; every other line is left unchanged.
Rule 4: UTF-8, with or without a byte order mark; any line endings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from yizhan.bulletin.errors import TextInvalid
from yizhan.bulletin.figures import digest, looked_up
from yizhan.bulletin.labels import COMPARED_NAMES, OVERVIEW, SECTIONS, SUMMARY, change, quantity
from yizhan.schemas.header import split_id
from yizhan.schemas.i18n import Sentence, _, marked
from yizhan.schemas.invisible import blanked

BOM: Final = b"\xef\xbb\xbf"
LONGEST: Final = 4000
"""Characters of a passage, figures filled in: what the signed bulletin can carry."""
MOST_CASES: Final = 20
_PLACE: Final = re.compile(r"(?:\{\{|｛｛)\s*([^{}｛｝]*?)\s*(?:\}\}|｝｝)")
_BRACES: Final = re.compile(r"\{\{|\}\}|｛｛|｝｝")
_HEADING: Final = re.compile(r"(#{1,2}|＃{1,2})\s*(.*?)\s*")
_SEEN: Final = re.compile(r"%\s*\{\{(.+?)\}\}\s*=\s*(\S+).*")
_HASH: Final = re.compile(r"%.*?\b([0-9a-f]{64})\b.*")
_WRITTEN_OUT: Final = re.compile(r"[0-9][0-9.,]*\s*(?:件|起|条|处|公顷|立方米|只|株|亩|公斤|元|%|％)")
_BEFORE: Final = {"上季度": "last_quarter", "上年同期": "last_year", "环比": "last_quarter", "同比": "last_year"}
_CHANGES: Final = frozenset({"环比", "同比"})
_HEAD: Final = (
    marked("这里只写文字，数字由程序填写：要用数字的地方写 {{名称}}，名称见文末，也可用数字表（.csv）里任一项目。"),
    marked("名称前加 上季度. 上年同期. 环比. 同比. 就是相应的比较，如 {{同比.letters}}。"),
    marked("# 开头的是栏目，名称不能改；空着的栏目不印。典型案例：## 后写编号，下面写案情，空着就用来文的简要情况。"),
    marked("% 开头的行由程序重写。写完存盘即可（UTF-8），再制作通报。"),
)


class TextLine(NamedTuple):
    """One line of the file: its number, from 1, and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Writing:
    """The content of the file.

    ``passages`` has the lines of each section, ``cases`` those of each case by its event id (None: as proposed),
    ``figures`` the hash for which it was written, ``seen`` the values at that time of the figures that it names.
    """

    passages: Mapping[str, Sequence[TextLine]]
    cases: Mapping[str, Sequence[TextLine]] | None
    figures: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[TextLine]:
        """Yield every line that is printed."""
        for part in (*self.passages.values(), *(self.cases or {}).values()):
            yield from part


def blank(made: Mapping[str, Any]) -> Writing:
    """Return a new file: the overview in words, its figures named, and the proposed cases."""
    named = {name: f"{{{{{path}}}}}" for name, path in SUMMARY.items()}
    overview = () if made["empty"] else (TextLine(0, _(OVERVIEW).format(**named)),)
    passages = dict.fromkeys(SECTIONS, ()) | {"overview": overview}
    passages.pop("typical")
    return Writing(passages, dict.fromkeys(made["typical"], ()))


def parse(data: bytes) -> Writing:
    """Read the file.

    Raises:
        TextInvalid: no UTF-8, an unknown section, text outside of all sections, a name in braces that is not closed.
    """
    try:
        text = data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise TextInvalid(marked("第 {line} 行不是 UTF-8；请在记事本里“另存为”，编码选 UTF-8"), line=number) from None
    passages: dict[str, list[TextLine]] = {}
    cases: dict[str, list[TextLine]] = {}
    seen: dict[str, str] = {}
    figures, here = "", None
    for number, raw in enumerate(text.splitlines(), 1):
        line = TextLine(number, blanked(raw).rstrip())
        if line.text.startswith("%"):
            if (found := _SEEN.fullmatch(line.text)) is not None:
                seen[found[1]] = found[2]
            elif (found := _HASH.fullmatch(line.text)) is not None:
                figures = found[1]
        elif (heading := _HEADING.fullmatch(line.text)) is not None:
            here = _opened(number, heading, passages, cases)
        elif here is not None:
            here.append(_checked(line))
        elif line.text:
            sentence = marked("第 {line} 行不在任何栏目里；请写在“# {section}”之类的栏目下面")
            first = next(iter(SECTIONS.values()))
            raise TextInvalid(sentence, line=number, section=_(first))
    chosen = cases if "typical" in passages else None
    if loose := [line for line in passages.pop("typical", ()) if line.text.strip()]:
        raise TextInvalid(marked("第 {line} 行：典型案例要先写“## 编号”"), line=loose[0].number)
    return Writing({name: _trimmed(part) for name, part in passages.items()}, _all_trimmed(chosen), figures, seen)


def _opened(
    number: int, heading: re.Match[str], passages: dict[str, list[TextLine]], cases: dict[str, list[TextLine]]
) -> list[TextLine]:
    name = heading[2]
    if len(heading[1]) == 1:
        section = next((key for key, title in SECTIONS.items() if name in {key, title, _(title)}), None)
        if section is None:
            known = "、".join(_(title) for title in SECTIONS.values())
            sentence = marked("第 {line} 行：没有“{name}”这一栏；栏目有：{known}")
            raise TextInvalid(sentence, line=number, name=name, known=known)
        if section in passages:
            raise TextInvalid(marked("第 {line} 行：“{name}”已经写过一栏"), line=number, name=name)
        return passages.setdefault(section, [])
    if list(passages)[-1:] != ["typical"]:
        raise TextInvalid(marked("第 {line} 行：只有典型案例下面有“## 编号”"), line=number)
    try:
        split_id(name)
    except ValueError:
        raise TextInvalid(marked("第 {line} 行：“{name}”不是文书编号"), line=number, name=name) from None
    if name in cases or len(cases) == MOST_CASES:
        sentence = marked("第 {line} 行：案例 {name} 重复，或多于 {most} 个")
        raise TextInvalid(sentence, line=number, name=name, most=MOST_CASES)
    return cases.setdefault(name, [])


def _checked(line: TextLine) -> TextLine:
    if _BRACES.search(_PLACE.sub("", line.text)):
        raise TextInvalid(marked("第 {line} 行的花括号不成对；请写成 {{{{名称}}}}"), line=line.number)
    return line


def _trimmed(lines: Sequence[TextLine]) -> tuple[TextLine, ...]:
    """Return a passage without leading and trailing empty lines."""
    full = [place for place, line in enumerate(lines) if line.text.strip()]
    return tuple(lines[full[0] : full[-1] + 1]) if full else ()


def _all_trimmed(cases: Mapping[str, Sequence[TextLine]] | None) -> Mapping[str, Sequence[TextLine]] | None:
    return None if cases is None else {name: _trimmed(part) for name, part in cases.items()}


def written(writing: Writing, made: Mapping[str, Any], *, unread: bool = False) -> bytes:
    """Write the file for these figures: with a byte order mark and CRLF, as Notepad does.

    ``unread``: nobody has looked at the text beside these figures yet; it stays one for those of ``writing``.

    Raises:
        TextInvalid: as ``filled``.
    """
    label, pair = made["label"], "—".join(made["pair"])
    title = _("{label} 季度情报通报的文字（{pair}），对照数据 {hash}")
    seen = writing.seen if unread and writing.figures else {}
    of = writing.figures if unread and writing.figures else digest(made)
    lines = ["% " + title.format(label=label, pair=pair, hash=of), *(f"% {_(line)}" for line in _HEAD)]
    for name, heading in SECTIONS.items():
        lines += ["", f"# {_(heading)}"]
        if name == "typical":
            for event_id, text in ({} if writing.cases is None else writing.cases).items():
                lines += [f"## {event_id}", *(line.text for line in text)]
        else:
            lines += [line.text for line in writing.passages.get(name, ())]
    lines += ["", "% " + _("可用的数字，及其现在的值：")]
    for path, title in COMPARED_NAMES.items():
        lines.append(f"% {{{{{path}}}}} = {seen.get(path, figure_text(made, path))}  {_(title)}")
    for path in sorted(set(_used(writing)) - set(COMPARED_NAMES)):
        now = _figure_at(made, path, writing)
        lines.append(f"% {{{{{path}}}}} = {seen.get(path, now)}")
    return BOM + "\r\n".join([*lines, ""]).encode("utf-8", "replace")


def pieces(text: str) -> Iterator[tuple[int, str, bool]]:
    """Split a text at the names of figures: where each piece begins, the piece, and whether it is a name.

    >>> list(pieces("共{{letters}}件"))
    [(0, '共', False), (1, 'letters', True), (12, '件', False)]
    """
    here = 0
    for found in _PLACE.finditer(text):
        yield here, text[here : found.start()], False
        yield found.start(), found[1], True
        here = found.end()
    yield here, text[here:], False


def _used(writing: Writing) -> Iterator[str]:
    for line in writing.lines():
        yield from _PLACE.findall(line.text)


def figure_text(made: Mapping[str, Any], name: str) -> str:
    """Return a figure as the sheet writes it, by its path, or by ``同比.`` and the like and a compared path.

    Raises:
        KeyError: there is no such figure.
    """
    before, _dot, path = name.partition(".")
    if before not in _BEFORE:
        value = looked_up(made, name)
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise KeyError(name)
        return quantity(value)
    if path not in COMPARED_NAMES:
        raise KeyError(name)
    values = made["compared"][_BEFORE[before]]["values"]
    if values is None:
        return "—"
    old, now = values[path], looked_up(made, path)
    return change(old, now) if before in _CHANGES else quantity(old)


def _figure_at(made: Mapping[str, Any], name: str, writing: Writing) -> str:
    try:
        return figure_text(made, name)
    except KeyError:
        number = next(line.number for line in writing.lines() if name in _PLACE.findall(line.text))
        sentence = marked("第 {line} 行：{{{{{name}}}}} 不是数字的名称；名称见文末，或数字表（.csv）的“项目”一栏")
        raise TextInvalid(sentence, line=number, name=name) from None


def filled(writing: Writing, made: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]] | None]:
    """Return the passages that have text, and the cases with their texts, figures filled in.

    Raises:
        TextInvalid: a name in braces is no figure, or a passage is longer than the signed bulletin can carry.
    """
    values = {name: _figure_at(made, name, writing) for name in _used(writing)}

    def one(lines: Sequence[TextLine]) -> str:
        text = "\n".join(_PLACE.sub(lambda found: values[found[1]], line.text) for line in lines)
        if len(text) > LONGEST:
            sentence = marked("第 {line} 行起的一段有 {count} 字，最多 {most} 字；请删减")
            raise TextInvalid(sentence, line=lines[0].number, count=len(text), most=LONGEST)
        return text

    passages = {name: one(lines) for name, lines in writing.passages.items() if lines}
    cases = None if writing.cases is None else [(name, one(lines)) for name, lines in writing.cases.items()]
    return passages, cases


def changed(writing: Writing, made: Mapping[str, Any]) -> tuple[Sentence, ...]:
    """Return the changes since the text was written: a sentence for each figure that it names.

    Raises:
        TextInvalid: as ``filled``.
    """
    if writing.figures == digest(made):
        return ()
    found = []
    for name in dict.fromkeys(_used(writing)):
        now, old = _figure_at(made, name, writing), writing.seen.get(name)
        if old is not None and old != now:
            text = marked("{{{{{name}}}}} 写的时候是 {old}，现在是 {now}")
            found.append(Sentence.of(text, name=name, old=old, now=now))
    return (Sentence.of(marked("文字是对照另一份数据写的，请重读")), *found)


def by_hand(writing: Writing) -> tuple[Sentence, ...]:
    """Return a sentence for each figure that seems to be typed by hand: the program does not update those."""
    sentence = marked("第 {line} 行手写了“{what}”；若是本通报的数字，请改用 {{{{名称}}}}")
    return tuple(
        Sentence.of(sentence, line=line.number, what=what[0])
        for line in writing.lines()
        for what in _WRITTEN_OUT.finditer(_PLACE.sub("", line.text))
    )
