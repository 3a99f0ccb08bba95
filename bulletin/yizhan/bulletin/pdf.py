"""The sheet as PDF, set by typst with the fonts in this folder; drawings as PNG for programs without SVG.

Rule 1: the sheet is passed as JSON data: nothing that a person wrote is read as markup.
Rule 2: same sheet and date, same bytes: no clock, the same fonts on every machine.
Rule 3: a character that our fonts do not have (beyond GB 2312) is drawn with the machine's fonts; if none has
        it, ``uncovered`` names it, so that nobody signs a page with holes.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Final

import typst

from yizhan.bulletin.blocks import Block, Drawing, Heading, Para, Sheet, Table

_KINDS: Final = {Heading: "heading", Para: "para", Table: "table", Drawing: "drawing"}
_PPI: Final = 200.0
_LONG: Final = re.compile("[0-9A-Za-z.:-]{18,}")
_PICTURE: Final = b"""#set page(width: auto, height: auto, margin: 0pt)
#image("drawing.svg", width: 430pt)"""


def pdf(sheet: Sheet, made: datetime) -> bytes:
    """Typeset the sheet; ``made`` is stored in the file as its date of creation."""
    data: dict[str, Any] = {
        **{name: getattr(sheet, name) for name in ("title", "subtitle", "issue", "classification", "organ", "date")},
        "foot": list(map(_breakable, sheet.foot)),
        "lang": "zh" if sheet.language == "zh_CN" else "en",
        "blocks": [{"kind": _KINDS[type(block)], **_fields(block)} for block in sheet.blocks],
    }
    template = files("yizhan.bulletin").joinpath("bulletin.typ").read_bytes()
    return _set({"main.typ": template, "sheet.json": json.dumps(data).encode()}, "pdf", made)


def _fields(block: Block) -> dict[str, Any]:
    if isinstance(block, Table):
        return _named(block) | {"rows": [list(map(_breakable, row)) for row in block.rows]}
    return _named(block)


def _named(block: Block) -> dict[str, Any]:
    return {each.name: getattr(block, each.name) for each in dataclasses.fields(block)}


def _breakable(text: str) -> str:
    """Allow a long id or hash to break anywhere, without a hyphen."""
    return _LONG.sub(lambda found: "\u200b".join(found[0]), text)


def picture(drawing: Drawing) -> bytes:
    """Draw an SVG as PNG."""
    return _set({"main.typ": _PICTURE, "drawing.svg": drawing.svg.encode()}, "png", None)


def _set(sources: dict[str, bytes], form: Any, made: datetime | None) -> bytes:  # noqa: ANN401 -- typst's own Literal
    with as_file(files("yizhan.bulletin") / "fonts") as folder:
        # Its stub does not know the dictionary of sources that its documentation describes.
        given: Any = sources
        done = typst.compile(given, font_paths=[str(folder)], format=form, ppi=_PPI, timestamp=made)
    return bytes(done)


@cache
def _covered() -> frozenset[int]:
    """Return the code points that our fonts draw: GB 2312 and a few signs."""
    covered = set(range(0x20, 0x7F)) | {0xA0, 0x200B}
    covered |= set(map(ord, "·×÷±§°²³µ—–‘’“”…‰′″℃№→←↑↓■□▲△●○★☆◆◇〔〕〇【】㎡㎥、。，；：？！（）《》「」『』％￥▼▽"))
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            character = bytes([high, low]).decode("gb2312", "ignore")
            covered |= set(map(ord, character))
    return frozenset(covered)


def uncovered(sheet: Sheet) -> tuple[str, ...]:
    """Return characters on the sheet that our fonts do not have, sorted."""
    characters = {character for text in _texts(sheet) for character in text}
    return tuple(sorted(one for one in characters if ord(one) not in _covered() and one != "\n"))


def _texts(sheet: Sheet) -> Iterator[str]:
    yield from (sheet.title, sheet.subtitle, sheet.organ)
    for block in sheet.blocks:
        if isinstance(block, Table):
            yield from block.columns
            for row in block.rows:
                yield from row
        elif isinstance(block, Drawing):
            yield block.caption
        else:
            yield block.text
