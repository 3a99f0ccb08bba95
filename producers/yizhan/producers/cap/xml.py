"""CAP messages as XML: parsed safely, checked against the schema of OASIS (``data/CAP-v1.2.xsd``).

Rule 1: at most ``MAX_BYTES``, and no document type: no entity is expanded, no file or address opened.
Rule 2: elements that the schema does not allow are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from lxml import etree

from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import technical

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
MAX_BYTES: Final = 1024 * 1024
"""Longest message read, in bytes: a message of a county is a few kilobytes."""
_SHOWN: Final = 80
_FAULTS: Final = 3


class CapInvalid(YizhanError):
    """A message that is not CAP 1.2, or that may not be imported or exported here."""


def parse(data: bytes) -> etree._Element:
    """Parse and check a message; comments and processing instructions are dropped.

    Raises:
        CapInvalid: too long, no XML, with a document type, another namespace, or not as the schema says.
    """
    if len(data) > MAX_BYTES:
        raise CapInvalid(marked("CAP 报文至多 {most} 字节；得到 {count} 字节"), most=MAX_BYTES, count=len(data))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise CapInvalid(technical(_("应为 CAP 1.2 的 XML 报文，读不出来"), str(error)[:200])) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise CapInvalid(marked("CAP 报文里不应有文档类型声明（DOCTYPE），拒收；请向提供方要原始报文"))
    if root.tag != f"{{{NAMESPACE}}}alert":
        sentence = marked("应为 CAP 1.2 的 alert（{expected}）；得到 {got}，请向提供方要 1.2 版")
        raise CapInvalid(sentence, expected=NAMESPACE, got=str(root.tag)[:_SHOWN])
    check(root)
    return root


def check(root: etree._Element) -> None:
    """Check a message against the schema (``CapInvalid``, with line and element of the first faults)."""
    schema = _schema()
    if not schema.validate(root):
        faults = [f"{each.line}: {str(each.message).replace(f'{{{NAMESPACE}}}', '')}" for each in schema.error_log]
        raise CapInvalid(technical(_("不合 CAP 1.2 的规定（行号在前）"), "; ".join(faults[:_FAULTS])[:600]))


@cache
def _schema() -> etree.XMLSchema:
    text = files("yizhan.producers").joinpath("data").joinpath("CAP-v1.2.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text))


def name(tag: str) -> str:
    """Return an element's name with CAP's namespace."""
    return f"{{{NAMESPACE}}}{tag}"


def text(holder: etree._Element, tag: str) -> str | None:
    """Return the text of a child, trimmed; None where there is none or it is empty."""
    found = holder.findtext(name(tag))
    return found.strip() or None if found else None


def texts(holder: etree._Element, tag: str) -> tuple[str, ...]:
    """Return the texts of all children of a name, trimmed."""
    return tuple((each.text or "").strip() for each in holder.findall(name(tag)))


def pairs(holder: etree._Element, tag: str) -> tuple[tuple[str, str], ...]:
    """Return (valueName, value) of ``parameter``, ``eventCode`` or ``geocode`` elements."""
    return tuple(
        (text(each, "valueName") or "", each.findtext(name("value")) or "") for each in holder.findall(name(tag))
    )


def moment(holder: etree._Element, tag: str) -> datetime | None:
    """Return the time in a child, in UTC; None if there is none (``CapInvalid`` for an impossible date)."""
    content = text(holder, tag)
    try:
        return None if content is None else datetime.fromisoformat(content).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CapInvalid(marked("{title} 不是能用的时间；得到 {got}"), title=tag, got=repr(content)) from None


def add(holder: etree._Element, tag: str, content: str | None) -> None:
    """Add a child with a text; nothing for None."""
    if content is not None:
        etree.SubElement(holder, name(tag)).text = content


def add_pairs(holder: etree._Element, tag: str, found: Iterable[tuple[str, str]]) -> None:
    """Add ``parameter``, ``eventCode`` or ``geocode`` elements."""
    for value_name, value in found:
        pair = etree.SubElement(holder, name(tag))
        add(pair, "valueName", value_name)
        add(pair, "value", value)
