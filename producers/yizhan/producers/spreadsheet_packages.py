"""A workbook's file before any cell of it is read: what it is, how large, and the same for every flavour.

Rule 1: what is not Office Open XML is named, with what to do: .xls, .xlsb, .ods, .docx, a zip of something else.
Rule 2: a strict workbook (ISO/IEC 29500-1 Strict) is handed on in the transitional words, which openpyxl knows.
Rule 3: nothing is unpacked that is larger than allowed.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from typing import BinaryIO, Final
from xml.parsers import expat

from openpyxl.utils.exceptions import InvalidFileException

from yizhan.producers.table_files import TableInvalid
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import technical

OLD_EXCEL: Final = bytes.fromhex("d0cf11e0a1b11ae1")
DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, InvalidFileException, expat.ExpatError, SyntaxError,
    LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError, EOFError, OSError,
    RuntimeError,
)  # fmt: skip
"""What zipfile (RuntimeError: a part has a password, or is packed in a way of its own), the parsers of XML and
openpyxl raise for a file that is damaged, or made to be.
"""
_TYPES: Final = "[Content_Types].xml"
_MAIN: Final = (
    b"spreadsheetml.sheet.main+xml", b"spreadsheetml.template.main+xml",
    b"ms-excel.sheet.macroenabled.main", b"ms-excel.template.macroenabled.main",
)  # fmt: skip
"""In lower case, of the part that is the workbook itself."""
_STRICT: Final = (
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"),
    (b"http://purl.oclc.org/ooxml/officeDocument/",
     b"http://schemas.openxmlformats.org/officeDocument/2006/"),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
)  # fmt: skip
"""Namespaces of the strict flavour → of the transitional one."""
_OTHERS: Final = (
    ("xl/workbook.bin", marked("这是 .xlsb 二进制工作簿；请另存为 .xlsx")),
    ("word/document.xml", marked("这是 Word 文档，不是工作簿；请把表格粘贴到 Excel，存为 .xlsx")),
    ("index/document.iwa", marked("这是 Numbers 表格；请导出为 Excel（.xlsx）")),
)
_OPEN_DOCUMENT: Final = marked("这是 OpenDocument 表格（.ods，LibreOffice 或 WPS）；请另存为 .xlsx，或 UTF-8 的 CSV")


def opened_package(stream: BinaryIO, most: int) -> BinaryIO:
    """Check what a file is, and return it as a transitional workbook.

    Raises:
        TableInvalid: it is none, is damaged, or would unpack to more than ``most`` bytes.
    """
    head = stream.read(8)
    stream.seek(0)
    if head == OLD_EXCEL:
        raise TableInvalid(marked("这是旧的 .xls，或加了密码的工作簿；请另存为不加密的 .xlsx"))
    try:
        with zipfile.ZipFile(stream) as packed:
            parts = packed.infolist()
            size = sum(one.file_size for one in parts)
            names = {one.filename.replace("\\", "/").casefold() for one in parts}
            _name_others(names, packed)
            if size > most:
                raise TableInvalid(
                    marked("工作簿解开有 {size} 字节，至多 {most}；请分成几个文件"), size=size, most=most
                )
            types = packed.read(next(one for one in parts if one.filename.casefold() == _TYPES.casefold())).lower()
            if not any(each in types for each in _MAIN):
                raise no_workbook("no workbook among the content types")
            if any("\\" in one.orig_filename for one in parts) or _is_strict(packed):
                return _transitional(packed)
    except StopIteration:
        raise no_workbook(_TYPES) from None
    except DAMAGED as error:
        raise no_workbook(error) from None
    stream.seek(0)
    return stream


def no_workbook(error: object) -> YizhanError:
    """Return the error of a file that is no whole workbook; one that says more stays what it is."""
    if isinstance(error, TableInvalid):
        return error
    sentence = _("应为完好的 Excel 工作簿（.xlsx）；旧的 .xls 请另存为 .xlsx，CSV 请按 CSV 导入")
    return TableInvalid(technical(sentence, str(error)[:100]), hint=Action.to("table.import_csv"))


def _name_others(names: set[str], packed: zipfile.ZipFile) -> None:
    for name, sentence in _OTHERS:
        if name in names:
            raise TableInvalid(sentence)
    if "mimetype" in names and packed.read("mimetype").startswith(b"application/vnd.oasis.opendocument"):
        raise TableInvalid(_OPEN_DOCUMENT)


def _is_strict(packed: zipfile.ZipFile) -> bool:
    return any(
        b"http://purl.oclc.org/ooxml/" in packed.read(one)
        for one in packed.infolist()
        if one.filename.casefold().endswith((".rels", "workbook.xml"))
    )


def _transitional(packed: zipfile.ZipFile) -> BinaryIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for one in packed.infolist():
            name, data = one.filename.replace("\\", "/"), packed.read(one)
            if name.casefold().endswith((".xml", ".rels")):
                for strict, transitional in _STRICT:
                    data = data.replace(strict, transitional)
            out.writestr(name, data)
    made.seek(0)
    return made
