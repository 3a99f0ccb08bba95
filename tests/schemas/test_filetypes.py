"""Which files may be sent, by content, and how names are cleaned."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas.errors import FileRefused
from yizhan.schemas.filetypes import MAX_NAME, clean_name, media_type


def office(*parts: str, types: bytes = b"<Types/>") -> bytes:
    """An office file that has these parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        for name in parts:
            archive.writestr(name, "x")
    return made.getvalue()


GOOD = {
    "a.jpg": (b"\xff\xd8\xff\xe0" + b"0" * 40, "image/jpeg"),
    "a.JPEG": (b"\xff\xd8\xff\xe0" + b"0" * 40, "image/jpeg"),
    "a.png": (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"0" * 40, "image/png"),
    "a.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"0" * 40, "image/heic"),
    "a.pdf": (b"%PDF-1.7\n", "application/pdf"),
    "a.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp41mp42" + b"0" * 40, "video/mp4"),
    "a.docx": (office("word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "a.xlsx": (office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "a.txt": ("火场在界山南坡".encode("gb18030"), "text/plain"),
    "b.txt": (b"\xef\xbb\xbf\xe7\x81\xab", "text/plain"),
    "a.csv": (b"lon,lat\r\n119.5,27.4\r\n", "text/csv"),
    "a.gpx": (b'<?xml version="1.0"?>\n<!-- a --><gpx version="1.1"/>', "application/gpx+xml"),
    "a.kml": (b'<kml xmlns="http://www.opengis.net/kml/2.2"/>', "application/vnd.google-earth.kml+xml"),
    "a.geojson": (b'{"type": "FeatureCollection", "features": []}', "application/geo+json"),
}
BAD = {
    "a.exe": (b"MZ\x90\0" + b"\0" * 60, "可执行文件或脚本"),
    "b.jpg": (b"\x7fELF" + b"\0" * 60, "可执行文件或脚本"),
    "c.txt": (b"#!/bin/sh\nrm -rf /\n", "可执行文件或脚本"),
    "a.bat": (b"@echo off\r\n", ".bat"),
    "a.zip": (office("a/b.txt"), "压缩包"),
    "a.docx": (office("word/document.xml", "word/vbaProject.bin"), "带宏"),
    "b.docx": (office("word/document.xml", types=b"application/vnd.ms-word.document.macroEnabled.main+xml"), "带宏"),
    "c.docx": (office("word/document.xml", "word/embeddings/oleObject1.bin"), "带宏"),
    "d.docx": (office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "e.docx": (b"PK\x03\x04 cut off", "认不出的内容"),
    "a.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 60, "旧版 Office"),
    "a.gz": (b"\x1f\x8b\x08\0\0\0\0\0", "压缩包"),
    "a.gif": (b"GIF89a" + b"0" * 40, "image/gif"),
    "a.pdf": (b"\xff\xd8\xff\xe0" + b"0" * 40, "image/jpeg"),
    "noname": (b"%PDF-1.7\n", "application/pdf"),
    "a.gpx": (b'<!DOCTYPE gpx [<!ENTITY a "b">]><gpx/>', "认不出的内容"),
    "a.kml": (b"<html></html>", "认不出的内容"),
    "a.geojson": (b'{"type": "Feature', "认不出的内容"),
    "b.gpx": (b"<!---->" * 9000, "认不出的内容"),
    "b.kml": (b"<!-- -->" * 9000 + b"<html/>", "认不出的内容"),
    "b.geojson": (b'{"type"' * 9000, "认不出的内容"),
    "b.csv": (b"a\0b", "认不出的内容"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_on_the_list_is_known_by_its_content(name: str) -> None:
    """Each allowed kind is told by what it holds."""
    data, media = GOOD[name]
    assert media_type(io.BytesIO(data), name) == media


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_on_the_list_is_refused_by_name(name: str) -> None:
    """The sentence names the file, what it turned out to be, and what to do."""
    data, came = BAD[name]
    with pytest.raises(FileRefused, match=r"请") as refused:
        media_type(io.BytesIO(data), name)
    assert name in str(refused.value)
    assert came in str(refused.value)
    assert refused.value.cause == "type"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_office_file_is_refused_like_any_other(method: int) -> None:
    """However its parts are packed, every damaged byte of the list of types is a refusal, and no other error."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("[Content_Types].xml", bytes(range(256)) * 4)
        archive.writestr("word/document.xml", "x")
    data = made.getvalue()
    begin = 30 + len("[Content_Types].xml")
    for place in range(begin, begin + 60):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        with contextlib.suppress(FileRefused):
            media_type(io.BytesIO(bytes(damaged)), "a.docx")


def test_an_office_file_that_is_all_list_costs_no_memory() -> None:
    """Two hundred thousand parts of nothing, 9 MB: refused by the length of their list, before it is read."""
    count, entry = 200_000, struct.pack("<4s4B4H3I5H2I", b"PK\1\2", 20, 0, 20, 0, *[0] * 7, 1, *[0] * 6) + b"a"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65_535, 65_535, count * len(entry), 4, 0)
    made = b"PK\3\4" + entry * count + end
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused, match="认不出的内容"):
            media_type(io.BytesIO(made), "a.docx")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\x\照片.jpg", "照片.jpg"),
        ("现场\u202egpj.exe", "现场gpj.exe"),
        ("a\0b\x1b[31m\nc.txt", "ab[31mc.txt"),
        ("CON.txt", "_CON.txt"),
        ("..", "file"),
        ("", "file"),
        (".hidden", "hidden"),
        ("a. . .", "a"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("火" * 300 + ".jpeg", "火" * 78 + ".jpeg"),
        ("COM¹ .txt", "_COM¹.txt"),
        ("e\u200d\u0301.jpg", "é.jpg"),
        ("x" * 95 + " .jp" + "g" * 40, "x" * 95 + ".jpg"),
    ],
)
def test_names_are_cleaned(name: str, cleaned: str) -> None:
    """Paths, controls, reordering marks, reserved names and endless names are mended."""
    assert clean_name(name) == cleaned


_TRICKS = "a. \u3000/\\\0\u202e\u200d\u0301\u1100\u1161é$¹火😀"


@given(st.one_of(st.text(max_size=400), st.text(_TRICKS), st.text("a. ", min_size=95, max_size=130)))
def test_a_clean_name_is_one_component_and_stays_as_it_is(name: str) -> None:
    """Cleaning twice is cleaning once; what comes out fits into every file system."""
    cleaned = clean_name(name)
    assert clean_name(cleaned) == cleaned
    assert cleaned not in {"", ".", ".."}
    assert not set(cleaned) & set('/\\\0<>:"|?*')
    assert len(cleaned) <= MAX_NAME
    assert len(cleaned.encode()) <= 255
