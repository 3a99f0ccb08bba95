r"""The text of a CSV, from its bytes: which encoding, which separator. No file is opened here.

Rule 1: a byte order mark decides. Without one, the encoding is that in which the file's headings are known ones;
        where that tells nothing, UTF-8 if the whole file is, else GB 18030: short GBK texts can be UTF-8 by chance.
Rule 2: a byte that the encoding does not have spoils its row, never the table.
Rule 3: the separator is the one by which most headings are known, a comma where that tells nothing.
Rule 4: whatever was taken other than UTF-8 and commas is said.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
NAMES: Final = {
    "utf-8": "UTF-8", "gb18030": "GB 18030", "big5": "Big5",
    "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32",
}  # fmt: skip
SEPARATORS: Final = {
    ",": marked("逗号"), "\t": marked("制表符（Tab）"), ";": marked("分号"), "|": marked("竖线"),
    "，": marked("全角逗号"), "；": marked("全角分号"),
}  # fmt: skip
"""Character between two cells → what people call it."""
_PREFIX: Final = "sep="
"""Excel's own first line that names the separator."""
_LOOKED_AT: Final = 64 * 1024
"""Characters in which the headings are looked for."""
REPLACED: Final = "\ufffd"
"""The replacement for a byte that the encoding does not have."""

Known = Callable[[str], bool]
"""Returns whether a text is a heading of the expected table."""


class TableTextInvalid(YizhanError):
    """Bytes that are no text."""


@dataclass(frozen=True, slots=True)
class TableText:
    """A table's text, and how it was read."""

    text: str
    encoding: str
    """``utf-8``, ``gb18030``, ``big5`` …"""
    separator: str

    @property
    def usual(self) -> bool:
        """Whether it is what every program writes: nobody needs to hear of it."""
        return self.encoding == "utf-8" and self.separator == ","


def table_text(data: bytes, known: Known) -> TableText:
    """Decode a table's bytes by the rules above.

    Raises:
        TableTextInvalid: they are no text in any encoding that is known.
    """
    encoding, body = _encoding(data, known)
    text = body.decode(encoding, "replace").replace("\x00", REPLACED)
    first, end, rest = _first_line(text)
    named = first.strip().strip('"')
    if named.casefold().startswith(_PREFIX) and len(named) == len(_PREFIX) + 1 and named[-1] in SEPARATORS:
        # The line stays as an empty one, so that rows keep their numbers.
        return TableText(end + rest, encoding, named[-1])
    return TableText(text, encoding, _separator(text, known)[0])


def _encoding(data: bytes, known: Known) -> tuple[str, bytes]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, data[len(mark) :]
    pairs = data[:4096]
    zeros = pairs[1::2].count(0), pairs[::2].count(0)
    if max(zeros) * 8 > len(pairs):
        return ("utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"), data
    candidates = ("utf-8", "gb18030", "big5")
    scores = {each: _separator(data.decode(each, "replace"), known)[1] for each in candidates}
    best = max(scores.values())
    whole = [each for each in candidates[:2] if _is(data, each)]
    if best:
        named = [each for each in candidates if scores[each] == best]
        return next((each for each in whole if each in named), named[0]), data
    if not whole:
        raise TableTextInvalid(
            marked("应为 UTF-8、GB 18030 或 UTF-16 的文本，读不出来；请另存为“CSV UTF-8（逗号分隔）”")
        )
    return whole[0], data


def _is(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _first_line(text: str) -> tuple[str, str, str]:
    """Split a text behind its first line."""
    ends = [place for end in "\r\n" if (place := text.find(end, 0, _LOOKED_AT)) >= 0]
    place = min(ends, default=len(text))
    return text[:place], text[place : place + 1], text[place + 1 :]


def _separator(text: str, known: Known) -> tuple[str, int]:
    """Return the separator by which most cells of the first filled row are known headings, and how many are."""
    head = text[:_LOOKED_AT].lstrip("\ufeff\r\n ,;\t")
    counts = {each: sum(map(known, _first_row(head, each))) for each in SEPARATORS}
    best = max(counts, key=lambda each: counts[each])
    return (best, counts[best]) if counts[best] else (",", 0)


def _first_row(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    except csv.Error:
        return []
