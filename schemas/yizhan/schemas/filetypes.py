"""Which files may be sent: by their content, never by what their name says alone; and how names are cleaned.

Rule 1: a list of what is allowed. What is not on it is refused by name: executables, archives, office files
        with macros, scripts, and whatever is not recognised.
Rule 2: name and content must agree; a name is one component that no file system and no terminal stumbles over.
Rule 3: both sides check: the sender before it seals, the recipient before it writes. Nothing is ever executed,
        unpacked or shown by this program.
"""

from __future__ import annotations

import codecs
import lzma
import re
import unicodedata
import zipfile
import zlib
from typing import BinaryIO, Final, cast

import filetype

from yizhan.schemas.errors import FileRefused
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.invisible import without_invisible

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ALLOWED: Final = {
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/heic": ("heic", "heif"),
    "application/pdf": ("pdf",),
    DOCX: ("docx",),
    XLSX: ("xlsx",),
    "video/mp4": ("mp4",),
    "text/plain": ("txt",),
    "text/csv": ("csv",),
    "application/gpx+xml": ("gpx",),
    "application/vnd.google-earth.kml+xml": ("kml",),
    "application/geo+json": ("geojson",),
}
"""Media type → endings of a name, without the dot."""
MAX_NAME: Final = 100
"""Characters of a name. In UTF-8 they fit into the 255 bytes that file systems take, cut if need be."""
_MAX_NAME_BYTES: Final = 240
_BY_ENDING: Final = {ending: media for media, endings in ALLOWED.items() for ending in endings}
_HEAD_BYTES: Final = 64 * 1024
_PIECE: Final = 1024 * 1024
_MAX_TYPES_BYTES: Final = 1024 * 1024
_MAX_LISTING_BYTES: Final = 4 * 1024 * 1024
"""The list of parts at the end of an office file, some 50,000 of them: a file made of nothing else took gigabytes."""

_PROGRAM: Final = marked("可执行文件或脚本")
_ARCHIVE: Final = marked("压缩包")
_MACROS: Final = marked("带宏、控件或嵌入对象的 Office 文件")
_OLD_OFFICE: Final = marked("旧版 Office 文件（可能带宏）")
_UNKNOWN: Final = marked("认不出的内容")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PROGRAMS: Final = (
    b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\0asm",
)  # fmt: skip
_ARCHIVES: Final = frozenset({"zip", "x-tar", "x-rar-compressed", "gzip", "x-bzip2", "x-7z-compressed", "x-xz", "zstd",
                              "vnd.ms-cab-compressed", "x-lz4", "x-lzip", "x-compress", "x-unix-archive"})  # fmt: skip
_ACTIVE: Final = re.compile(
    r"vbaProject|activeX|oleObject|(?:^|/)embeddings/|\.(?:exe|dll|bat|cmd|js|vbs|ps1|jar)$", re.IGNORECASE
)
# Comments are taken whole (``?>``): a thousand of them, tried in every way, would take for ever.
_TEXTS: Final = {
    "application/gpx+xml": re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?><!--.*?-->\s*)*<(?:\w+:)?gpx[\s>]", re.DOTALL),
    "application/vnd.google-earth.kml+xml": re.compile(
        r"\s*(?:<\?xml[^>]*\?>\s*)?(?><!--.*?-->\s*)*<(?:\w+:)?kml[\s>]", re.DOTALL
    ),
    "application/geo+json": re.compile(
        r'\s*\{.*?"type"\s*:\s*"(?:FeatureCollection|Feature|(?:Multi)?(?:Point|LineString|Polygon)|GeometryCollection)"',
        re.DOTALL,
    ),
}
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_NOT_IN_NAMES: Final = re.compile(r'[<>:"|?*]')
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)


def clean_name(name: str) -> str:
    r"""Return a file's name as it may be sent and written: its last component, without what misleads or steers.

    Controls, marks that reorder what a person reads, characters that some file system refuses, and leading and
    trailing dots and blanks go; the ending stays when a long name is cut.

    >>> clean_name("../../etc/cron.d/现场\u202egpj.照片.jpg")
    '现场gpj.照片.jpg'
    >>> clean_name("..") == clean_name("") == "file"
    True
    """
    last = re.split(r"[/\\]", name)[-1]
    # Normalized after that: what stood between a letter and its mark is gone, and a cleaned name stays as it is.
    visible = unicodedata.normalize("NFC", without_invisible(last))
    text = _NOT_IN_NAMES.sub("_", " ".join(visible.split())).strip(". ")
    if _RESERVED.match(text):
        text = f"_{text}"
    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending) > 10:  # noqa: PLR2004 -- no ending of ours is longer
        stem, ending = text, ""
    tail = f".{ending}" if ending else ""
    while stem and (len(stem + tail) > MAX_NAME or len((stem + tail).encode()) > _MAX_NAME_BYTES):
        stem = stem[:-1]
    cut = (stem.rstrip(". ") + tail) or "file"
    return cut if cut == name else clean_name(cut)  # what was cut off may have hidden an ending


def media_type(stream: BinaryIO, name: str) -> str:
    """Tell a file's media type by its content, and check that its name agrees.

    Args:
        stream: the file, seekable; left at any place.
        name: cleaned; its ending decides only between kinds of text.

    Raises:
        FileRefused: not on the list, or the name says something else; the sentence says which.
        OSError: it cannot be read.
    """
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    found = _by_content(stream, head, ending)
    if found not in ALLOWED:
        sentence = marked("{name}：只收 {allowed}，得到的是{got}；请换成其中一种格式再附上")
        allowed = ", ".join(sorted(_BY_ENDING))
        raise FileRefused("type", sentence, name=name, allowed=allowed, got=_(found))
    if ending not in ALLOWED[found]:
        sentence = marked(
            "{name}：内容是 {media}，文件名应以 {endings} 结尾，得到 {got}；请核对这是不是要发的文件，再改名"
        )
        endings = " / ".join(f".{each}" for each in ALLOWED[found])
        raise FileRefused(
            "type", sentence, name=name, media=found, endings=endings, got=f".{ending}" if ending else _("空")
        )
    return found


def _by_content(stream: BinaryIO, head: bytes, ending: str) -> str:
    """Return a media type, or a Chinese word for what is refused."""
    if head.startswith(_PROGRAMS):
        return _PROGRAM
    if head.startswith(_OLE):
        return _OLD_OFFICE
    if head.startswith(b"PK\x03\x04"):
        return _zipped(stream)
    mime = filetype.guess_mime(head)
    if mime is not None:
        kind = mime.partition("/")[2]
        if kind in _ARCHIVES:
            return _ARCHIVE
        return _PROGRAM if kind in {"x-executable", "x-msdownload", "wasm"} else str(mime)
    return _text(stream, ending)


_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError,
)  # fmt: skip


class _Frugal:
    """A file that limits how much is read at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(min(size, _MAX_LISTING_BYTES + 1) if size >= 0 else _MAX_LISTING_BYTES + 1)
        if len(piece) > _MAX_LISTING_BYTES:
            message = f"expected pieces of at most {_MAX_LISTING_BYTES} bytes"
            raise zipfile.BadZipFile(message)
        return piece


def _zipped(stream: BinaryIO) -> str:
    """Tell an office file from an archive by its parts' names; of their content only the list of types is read."""
    try:
        with zipfile.ZipFile(cast("BinaryIO", _Frugal(stream))) as parts:
            names = set(parts.namelist())
            if "[Content_Types].xml" not in names or parts.getinfo("[Content_Types].xml").file_size > _MAX_TYPES_BYTES:
                return _ARCHIVE
            types = parts.read("[Content_Types].xml")
    # All that ``zipfile`` raises on a damaged, encrypted or oddly packed file: it is refused as unrecognised.
    except _DAMAGED:
        return _UNKNOWN
    except OSError as error:
        if error.errno is not None:  # the disk's, not that of a damaged bzip2 part
            raise
        return _UNKNOWN
    if b"macroEnabled" in types or any(_ACTIVE.search(each) for each in names):
        return _MACROS
    if "word/document.xml" in names:
        return DOCX
    return XLSX if "xl/workbook.xml" in names else _ARCHIVE


def _text(stream: BinaryIO, ending: str) -> str:
    """Tell the kind of a text by its name's ending, once all of it is text and begins as that kind does."""
    beginning = _decoded(stream, "utf-8-sig")
    if beginning is None:
        beginning = _decoded(stream, "gb18030")
    if beginning is None:
        return _UNKNOWN
    media = _BY_ENDING.get(ending, "text/plain")
    if media not in _TEXTS:
        # A script is text too: it is the ending that makes it one, and that is not on the list.
        return media if media.startswith("text/") else "text/plain"
    if "<!DOCTYPE" in beginning or "<!ENTITY" in beginning or not _TEXTS[media].match(beginning):
        return _UNKNOWN
    return media


def _decoded(stream: BinaryIO, encoding: str) -> str | None:
    """Return the beginning of a text, None where it is not valid in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    beginning = ""
    try:
        while piece := stream.read(_PIECE):
            text = decoder.decode(piece)
            if _CONTROLS.search(text):
                return None
            beginning += text[: max(0, _HEAD_BYTES - len(beginning))]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return beginning
