"""The sheet as DOCX, for an office that edits its own copy.

Rule 1: real headings, tables and fields of Word, so that it can be edited; drawings are PNG.
Rule 2: fonts are named, not embedded: every Chinese office has 仿宋 and 黑体.
Rule 3: the signed figures are in the event, not here: an edited copy is not what was signed,
        and the foot names the hash that shows this.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, Final

import docx
from docx.document import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from yizhan.bulletin.blocks import Drawing, Heading, Para, Sheet, Table
from yizhan.bulletin.pdf import picture
from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import without_invisible

MOST_ROWS: Final = 500
"""Rows of one table that Word still opens at once; the rest is in the CSV."""
_SONG: Final = "仿宋"
_HEI: Final = "黑体"
_RED: Final = RGBColor(0xC0, 0, 0)
_WIDTH_MM: Final = 156
_TOGETHER: Final = 20
"""Rows of a table that is not broken across pages."""


def docx_of(sheet: Sheet, made: datetime) -> bytes:
    """Write the file; ``made`` is stored in its properties."""
    document = docx.Document()
    _lay_out(document, sheet, made)
    _words(document.add_paragraph(), sheet.classification, font=_HEI, size=12)
    _words(_centred(document.add_paragraph()), sheet.title, font=_HEI, size=22, colour=_RED)
    _words(_centred(document.add_paragraph()), sheet.subtitle, size=16)
    line = _centred(document.add_paragraph())
    _words(line, f"{sheet.issue}　　{sheet.organ}　　{sheet.date}", size=12)
    _border(line, "bottom", "C00000")
    for block in sheet.blocks:
        _block(document, block)
    for text in sheet.foot:
        _words(_tight(document.add_paragraph()), text, size=7)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _lay_out(document: Document, sheet: Sheet, made: datetime) -> None:
    normal: Any = document.styles["Normal"]
    normal.font.name = "Times New Roman"
    normal.font.size = Pt(12)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), _SONG)
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    section.top_margin, section.bottom_margin = Mm(30), Mm(28)
    properties = document.core_properties
    properties.title, properties.author = f"{sheet.title} {sheet.subtitle}", sheet.organ
    properties.created = properties.modified = made.astimezone(UTC).replace(tzinfo=None)
    foot = _centred(_tight(section.footer.paragraphs[0]))
    _words(foot, "— ", size=10)
    _page_number(foot)
    _words(foot, " —", size=10)
    for text in sheet.foot[:4]:
        _words(_tight(section.footer.add_paragraph()), text, size=5)


def _block(document: Document, block: Heading | Para | Table | Drawing) -> None:
    if isinstance(block, Heading):
        paragraph = document.add_heading(level=block.level)
        _words(paragraph, block.text, font=_HEI, size=14 if block.level == 1 else 12, colour=RGBColor(0, 0, 0))
    elif isinstance(block, Para):
        paragraph = document.add_paragraph()
        if block.loud:
            _words(paragraph, block.text, font=_HEI, size=12, colour=_RED)
            _border(paragraph, "top", "C00000")
            _border(paragraph, "bottom", "C00000")
        else:
            paragraph.paragraph_format.first_line_indent = Pt(24)
            _words(paragraph, block.text, size=12)
    elif isinstance(block, Drawing):
        drawn = _centred(_tight(document.add_paragraph()))
        drawn.paragraph_format.keep_with_next = True
        drawn.add_run().add_picture(io.BytesIO(picture(block)), width=Mm(140))
        _words(_centred(document.add_paragraph()), block.caption, font=_HEI, size=10)
    else:
        _table(document, block)


def _table(document: Document, table: Table) -> None:
    if table.caption:
        caption = _centred(_tight(document.add_paragraph()))
        caption.paragraph_format.space_before, caption.paragraph_format.keep_with_next = Pt(6), True
        _words(caption, table.caption, font=_HEI, size=10.5)
    rows = table.rows[:MOST_ROWS]
    made = document.add_table(rows=len(rows) + 1, cols=len(table.columns))
    made.alignment = WD_TABLE_ALIGNMENT.CENTER
    made.autofit = False
    shares = table.widths or (24, *[10] * (len(table.columns) - 1))
    widths = [Mm(_WIDTH_MM * share / sum(shares)) for share in shares]
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    for row in made.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # noqa: SLF001 -- python-docx has no word for it
    size = 8 if table.small else 10.5
    # Read each cell once: python-docx searches for them at each call, which is quadratic.
    cells = made._cells  # noqa: SLF001 -- its documented way is quadratic
    for number, text in enumerate([*table.columns, *(cell for row in rows for cell in row)]):
        cell, column = cells[number], number % len(table.columns)
        cell.width = widths[column]
        paragraph = cell.paragraphs[0]
        paragraph.paragraph_format.space_before, paragraph.paragraph_format.space_after = Pt(1.5), Pt(1.5)
        # A short table stays on one page.
        last = number >= len(rows) * len(table.columns)
        paragraph.paragraph_format.keep_with_next = len(rows) <= _TOGETHER and not last
        if column and not table.words:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        head = number < len(table.columns)
        _words(paragraph, text, font=_HEI if head else _SONG, size=size)
        if head:
            _edge(cell, top=12, bottom=6)
        elif last:
            _edge(cell, top=0, bottom=12)
    header = OxmlElement("w:tblHeader")
    header.set(qn("w:val"), "true")
    made.rows[0]._tr.get_or_add_trPr().append(header)  # noqa: SLF001 -- python-docx has no word for it
    if len(table.rows) > MOST_ROWS:
        rest = _("其余{count}行见 CSV 文件。").format(count=len(table.rows) - MOST_ROWS)
        _words(document.add_paragraph(), rest, size=9)
    _tight(document.add_paragraph()).paragraph_format.line_spacing = Pt(8)


def _words(paragraph: Paragraph, text: str, *, font: str = _SONG, size: float, colour: RGBColor | None = None) -> None:
    run = paragraph.add_run(without_invisible(text))
    run.font.size = Pt(size)
    run.font.name = "Times New Roman"
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)  # noqa: SLF001 -- no other way
    run.font.bold = False
    if colour is not None:
        run.font.color.rgb = colour


def _tight(paragraph: Paragraph) -> Paragraph:
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(0)
    return paragraph


def _centred(paragraph: Paragraph) -> Paragraph:
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    return paragraph


def _page_number(paragraph: Paragraph) -> None:
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._p.append(field)  # noqa: SLF001 -- python-docx has no fields


def _border(paragraph: Paragraph, edge: str, colour: str) -> None:
    properties = paragraph._p.get_or_add_pPr()  # noqa: SLF001 -- python-docx has no borders
    borders = properties.find(qn("w:pBdr"))
    if borders is None:
        borders = OxmlElement("w:pBdr")
        properties.append(borders)
    line = OxmlElement(f"w:{edge}")
    for name, value in (("val", "single"), ("sz", "12"), ("space", "1"), ("color", colour)):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)


def _edge(cell: Any, *, top: int, bottom: int) -> None:  # noqa: ANN401 -- python-docx's own
    """Draw the edges of a cell, in eighths of a point; 0 for none."""
    borders = OxmlElement("w:tcBorders")
    for name, width in (("top", top), ("bottom", bottom)):
        if width:
            line = OxmlElement(f"w:{name}")
            line.set(qn("w:val"), "single")
            line.set(qn("w:sz"), str(width))
            borders.append(line)
    cell._tc.get_or_add_tcPr().append(borders)  # noqa: SLF001 -- python-docx has no borders
