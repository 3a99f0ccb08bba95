r"""What people's texts hold beside their words, put right before a draft is checked. The contract itself is not wider.

Rule 1: every text of a draft is trimmed, and characters that nobody sees go (``schemas.invisible.without_format``):
        two references that look the same are the same.
Rule 2: a line ends with ``\n``, however the other program ends it.
Rule 3: a private-use character for which GB 18030 has a code point by now becomes that; any other is a fault:
        on another computer nobody sees what was meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import without_format
from yizhan.schemas.sentences import GOT

_LINE_END: Final = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_PRIVATE: Final = "Co"
_BYTES: Final = {
    0xE7C8: "a8bf",
    **{0xE7E7 + n: f"a9{0x89 + n:02x}" for n in range(13)},
    **{0xE815 + n: f"fe{byte:02x}" for n, byte in enumerate((*range(0x50, 0x7F), *range(0x80, 0xA1)))},
}  # fmt: skip
"""Private-use code point → the bytes that GBK and GB 18030-2000 gave it."""
_STANDARD: Final = {
    0xE7C7: "\u1e3f",
    **{0xE78D + n: each for n, each in enumerate("\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19")},
    0xE816: "\U00020087", 0xE817: "\U00020089", 0xE818: "\U000200cc", 0xE81E: "\u9fb4", 0xE826: "\u9fb5",
    0xE82B: "\u9fb6", 0xE82C: "\u9fb7", 0xE831: "\U000215d7", 0xE832: "\u9fb8", 0xE83B: "\U0002298f",
    0xE843: "\u9fb9", 0xE854: "\u9fba", 0xE855: "\U000241fe", 0xE864: "\u9fbb",
}  # fmt: skip
"""What the standard has given code points since, by GB 18030-2005 and GB 18030-2022."""


@cache
def _code_points() -> Mapping[int, str]:
    """Return private-use code point → the character of today's standard."""
    return {point: bytes.fromhex(code).decode("gb18030") for point, code in _BYTES.items()} | _STANDARD


def tidy_text(text: str) -> str:
    r"""Return a text by the rules above; empty where nothing of it can be seen.

    >>> tidy_text(" Z-1\u200b\r\n"), tidy_text("叶\ue81e")
    ('Z-1', '叶龴')
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return without_format(_LINE_END.sub("\n", text).translate(_code_points())).strip()


def tidy(value: Any) -> Any:  # noqa: ANN401 -- JSON is any
    """Return JSON with every text in it tidied; names of attributes stay as they are."""
    if isinstance(value, str):
        return tidy_text(value)
    if isinstance(value, Mapping):
        return {name: tidy(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(inner) for inner in value]
    return value


def private_characters(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- JSON is any
    """Yield (path, sentence) for each text that holds a private-use character after ``tidy``."""
    if isinstance(value, str):
        if found := next((each for each in value if unicodedata.category(each) == _PRIVATE), None):
            sentence = _("有本机造字 {code}，别的电脑上看不出是什么字；请换成标准字，或用文字说明字形")
            yield path, sentence.format(code=f"U+{ord(found):04X}") + f"{_(GOT)}{value[:60]!r}"
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from private_characters(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from private_characters(inner, f"{path}.{number}".lstrip("."))
