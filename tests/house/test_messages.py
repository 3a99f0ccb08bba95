"""Every sentence for an officer stands in both languages."""

from __future__ import annotations

import ast
import re
from string import Formatter
from typing import TypeGuard

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tests.house.tree import FOLDERS, ROOT, nodes, sources

KEYWORDS = ("_", "marked")
PATH = ROOT / "schemas/yizhan/schemas/locale/en/LC_MESSAGES/yizhan.po"


VALUES = ("schemas/yizhan/schemas/payloads/", "schemas/yizhan/schemas/codes.py")
"""Where the names of fields and their values stand: words of a sheet or a form, no sentences, if they are short."""
PHRASES = (
    "charter/yizhan/charter/document.py",
    "demo/yizhan/demo/auditing.py",
    "demo/yizhan/demo/climbing.py",
    "demo/yizhan/demo/play.py",
    "demo/yizhan/demo/stage.py",
    "producers/yizhan/producers/cap/reading.py",
    "producers/yizhan/producers/cap/writing.py",
    "producers/yizhan/producers/columns.py",
    "producers/yizhan/producers/forms.py",
    "producers/yizhan/producers/table_texts.py",
    "schemas/yizhan/schemas/filetypes.py",
)
"""Where phrases stand that are put into sentences: what is expected, what was found, what is waited for."""
PUT_INTO_SENTENCES = frozenset(
    {
        "m 补齐所缺", "y 发出", "与清单不符", "个数", "会签", "值班", "发件簿", "在为 {county} 会签", "在写这个账本",
        "在发送这个发件箱", "在接收这个收件箱", "在结算季度", "在开这个值班台", "在启动或停止这些进程",
        "在使用要恢复的文件", "空文件",
        "不可读的文件：{error}",
        "复算不同", "复算相同", "已按清单核对",
        "成员 {code} {name}", "收件簿", "文字", "无法复算", "本县", "标准输入", "没有，已经办结", "第二电话", "联络员",
        "账本", "领导",
    }
)  # fmt: skip
"""Phrases of other modules that are put into sentences."""
LONGEST_VALUE = 4
"""Words of the longest value of a field; what is longer is a sentence."""

LATIN_ALLOWED = frozenset(
    {
        "Actual", "Apache", "Apprise", "CAP", "CSV", "Ctrl", "Excel", "Exercise", "FIRMS", "FeatureCollection",
        "Chromium", "GeoJSON", "GiB", "JSON", "Kafka", "Kubernetes", "Lines", "Maven", "MiB", "MultiPolygon", "Numbers",
        "Office", "OpenDocument", "Restricted", "SQLite", "Schema", "Strimzi", "Test", "Word", "alert", "apply",
        "auditor", "bell", "chmod",
        "circle", "code", "command", "console", "county", "csv", "demo", "destruction", "draft", "excel", "false",
        "OpenSSL", "feature", "final",
        "firms", "grade", "hash", "id", "import", "incidents", "info", "install", "jar", "json", "kind", "kubectl",
        "lanes",
        "late", "ledger", "logs", "md", "monthly", "msgType", "name", "office", "onset", "parameter", "pip", "polygon",
        "properties", "public", "references", "ringing", "roles", "root", "rungs", "scope", "severity", "stage",
        "statements", "station", "status", "systemd", "targets", "text", "time", "tlog", "to", "true", "update",
        "Unix", "url", "verified",
    }
)  # fmt: skip
"""Names of programs and formats, words of CAP and GeoJSON, and words that the user types or finds in a JSON file."""
TYPED = (
    r"\byizhan(?: --?[\w-]+(?: \{\w+\})?| [a-z][\w-]*| [A-Z]+)*",
    r"\{[^}]*\}",
    r"--?[a-z][\w-]*(?: [A-Z]+)?",
    r"[\w./*-]*\.[a-z_][\w.-]*",
    r"（[^（）]*）",
    r"\b[A-Z][A-Z0-9]*\b",
    r"[\w-]*\d[\w.:-]*",
    r"[a-z]+_[a-z_]+",
)
"""Placeholders, commands, options, files, notes in brackets, names of arguments, examples and settings."""


def placeholders(sentence: str) -> set[str]:
    """Return the names between braces."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    """Return the English catalogue as it is in the tree."""
    with PATH.open("rb") as file:
        return read_po(file, locale="en", domain="yizhan")


@pytest.fixture(scope="module")
def messages(places: dict[str, set[str]]) -> dict[str, str]:
    """Return every sentence of the source → the first place where it stands."""
    return {message: min(found) for message, found in places.items()}


@pytest.fixture(scope="module")
def places() -> dict[str, set[str]]:
    """Return every sentence of the source → all places where it stands."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS:
        files = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
        for name, line, message, _, _ in extract_from_dir(
            ROOT / folder, method_map=files, keywords=dict.fromkeys(KEYWORDS)
        ):
            assert isinstance(message, str)
            found.setdefault(message, set()).add(f"{folder}/{name}:{line}")
    return found


def test_every_sentence_has_its_english(catalogue: Catalog, messages: dict[str, str]) -> None:
    """Nothing is missing, empty or fuzzy: run ``make messages`` and fill in the English."""
    missing = []
    for message, place in messages.items():
        entry = catalogue.get(message)
        if entry is None or not entry.string or entry.fuzzy:
            missing.append(f"{place}: {message}")
    assert missing == []


def test_the_catalogue_has_no_leftovers(catalogue: Catalog, messages: dict[str, str]) -> None:
    """What the source no longer says is no longer translated."""
    assert {str(entry.id) for entry in catalogue if entry.id} - set(messages) == set()


def test_translations_keep_the_placeholders(catalogue: Catalog) -> None:
    """A translation names the same {values} as its Chinese sentence."""
    for entry in catalogue:
        if entry.id and entry.string:
            assert placeholders(str(entry.id)) == placeholders(str(entry.string)), entry.id


def test_message_ids_are_chinese(messages: dict[str, str]) -> None:
    """The Chinese sentence is the message id; one without Chinese was wrapped by mistake."""
    assert {m: at for m, at in messages.items() if not re.search(r"[\u4e00-\u9fff]", m)} == {}


def is_wrapping(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether this is a call of ``_`` or ``marked``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS


def is_plain(call: ast.Call) -> bool:
    """Whether the call has one argument, a literal or the name of a marked one."""
    plain = ast.Constant | ast.Name | ast.Attribute | ast.Subscript
    return len(call.args) == 1 and not call.keywords and isinstance(call.args[0], plain)


def test_only_plain_sentences_are_wrapped() -> None:
    """``_`` and ``marked`` take one sentence: an f-string or a sum could not be looked up."""
    wrong = [
        f"{name}:{node.lineno}"
        for name, text in sources(*FOLDERS)
        for node in nodes(text)
        if is_wrapping(node) and not is_plain(node)
    ]
    assert wrong == []


def is_phrase(message: str, english: str, found: set[str]) -> bool:
    """Whether a message is no sentence of its own: a value of a field, or a part of other sentences."""
    if message in PUT_INTO_SENTENCES or any(place.startswith(PHRASES) for place in found):
        return True
    return len(english.split()) <= LONGEST_VALUE and any(place.startswith(VALUES) for place in found)


def test_english_sentences_begin_with_a_capital(catalogue: Catalog, places: dict[str, set[str]]) -> None:
    """What an officer reads as a sentence, a heading or a state begins with a capital letter."""
    small = {
        str(entry.id): str(entry.string)
        for entry in catalogue
        if entry.id
        and str(entry.string)[:1].islower()
        and not is_phrase(str(entry.id), str(entry.string), places[str(entry.id)])
    }
    assert small == {}


def test_phrases_are_still_there(places: dict[str, set[str]]) -> None:
    """The list of phrases names no message that is gone."""
    assert PUT_INTO_SENTENCES - places.keys() == set()


def latin_words(message: str) -> set[str]:
    """Return the Latin words of a Chinese sentence that are neither typed nor examples."""
    for pattern in TYPED:
        message = re.sub(pattern, " ", message)
    return set(re.findall(r"[A-Za-z]{2,}", message))


def test_chinese_sentences_have_no_english_words(messages: dict[str, str]) -> None:
    """A Chinese sentence has Latin letters only where a name, a format or something typed is meant."""
    assert {m: words for m in messages if (words := latin_words(m) - LATIN_ALLOWED)} == {}


@pytest.mark.parametrize("sentence", ["payload 不对", "这条 lane 断了", "请 retry"])
def test_an_english_word_in_a_chinese_sentence_is_found(sentence: str) -> None:
    """The list of allowed words is not so long that anything passes."""
    assert latin_words(sentence) - LATIN_ALLOWED


def test_only_faces_name_commands(places: dict[str, set[str]]) -> None:
    """A sentence of a service or a part names no command: what can be done is an ``Action``, which each face prints."""
    named = {
        message: place
        for message, found in places.items()
        for place in found
        if re.search(r"\byizhan [a-z]", message) and not place.startswith(("cli/", "demo/", "desk/"))
    }
    assert named == {}
