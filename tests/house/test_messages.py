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

from tests.house.tree import FOLDERS, ROOT, sources, syntax

KEYWORDS = ("_", "marked")
PATH = ROOT / "schemas/yizhan/schemas/locale/en/LC_MESSAGES/yizhan.po"


def placeholders(sentence: str) -> set[str]:
    """Return the names between braces."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    """Return the English catalogue as it is in the tree."""
    with PATH.open("rb") as file:
        return read_po(file, locale="en", domain="yizhan")


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    """Return every sentence of the source → where it stands."""
    found = {}
    for folder in FOLDERS:
        for name, line, message, _, _ in extract_from_dir(
            ROOT / folder, method_map=[("**.py", "python")], keywords=dict.fromkeys(KEYWORDS)
        ):
            assert isinstance(message, str)
            found[message] = f"{folder}/{name}:{line}"
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
        for node in ast.walk(syntax(text))
        if is_wrapping(node) and not is_plain(node)
    ]
    assert wrong == []
