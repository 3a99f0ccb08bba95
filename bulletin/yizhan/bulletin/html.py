"""The sheet as one HTML file.

Rule 1: self-contained: no script, no external resource; the Content-Security-Policy enforces it, and names the
        one style sheet by its hash.
Rule 2: every text is escaped; drawings are our own SVG.
Rule 3: printed on A4 it looks as on the screen.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from yizhan.bulletin.blocks import Block, Drawing, Heading, Para, Sheet, Table
from yizhan.schemas.i18n import _


def html(sheet: Sheet) -> bytes:
    """Write the file, UTF-8."""
    style = files("yizhan.bulletin").joinpath("bulletin.css").read_text("utf-8")
    name = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{name}'; img-src data:; base-uri 'none'; form-action 'none'"
    language = "zh-CN" if sheet.language == "zh_CN" else "en"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(sheet.title)} {escape(sheet.subtitle)}</title><style>{style}</style></head><body><main>",
        f'<p class="class">{escape(sheet.classification)}</p>',
        f"<header><h1>{escape(sheet.title)}</h1><p>{escape(sheet.subtitle)}</p></header>",
        f'<p class="issue">{"".join(map(_span, (sheet.issue, sheet.organ, sheet.date)))}</p>',
        *(_block(block) for block in sheet.blocks),
        f"<footer><p>{_('核对依据')}</p>",
        *(f"<p>{escape(line)}</p>" for line in sheet.foot),
        "</footer></main></body></html>\n",
    ]
    return "\n".join(parts).encode("utf-8", "replace")


def _span(text: str) -> str:
    return f"<span>{escape(text)}</span>"


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level + 1}>{escape(block.text)}</h{block.level + 1}>"
    if isinstance(block, Para):
        loud = ' class="loud"' if block.loud else ""
        return f"<p{loud}>{escape(block.text)}</p>"
    if isinstance(block, Drawing):
        return f"<figure>{block.svg}<figcaption>{escape(block.caption)}</figcaption></figure>"
    return "".join(_table(block))


def _table(table: Table) -> Iterator[str]:
    names = " ".join(name for name, here in (("words", table.words), ("small", table.small)) if here)
    yield f'<table class="{names}">'
    if table.caption:
        yield f"<caption>{escape(table.caption)}</caption>"
    yield "<thead><tr>" + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.columns) + "</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"
