"""The language of a request, and the sentences that people read in it.

Rule 1: a message id *is* the Chinese sentence; zh_CN therefore needs no catalogue.
Rule 2: ``en`` is ``locale/en/LC_MESSAGES/yizhan.po``, read when it is first needed. It is read here, not by Babel,
        whose import takes as long as the whole of ``yizhan --help``; a test holds that both read the same.
Rule 3: a sentence without a translation is shown in Chinese: something to read beats nothing.
Rule 4: values are filled in after translation: ``_("收到{count}件").format(count=3)``.
Rule 5: the language belongs to the context (PEP 567): two requests in two threads may have two languages. A context
        that chose none has the process's language.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

SOURCE_LANGUAGE: Final = "zh_CN"
LANGUAGES: Final = (SOURCE_LANGUAGE, "en")
VARIABLE: Final = "YIZHAN_LANG"
_ENTRY: Final = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)


class _Process:
    """The language of a process, once its main program chose one; before that the environment's word."""

    language: str | None = None


_request: ContextVar[str | None] = ContextVar("yizhan_language", default=None)


def known_language(name: str) -> str | None:
    """Return the language that a word means (``zh``, ``en_US.UTF-8``, ``zh-CN``), or None."""
    word = name.strip().replace("-", "_").split(".")[0].split("_")[0].lower()
    return {"zh": SOURCE_LANGUAGE, "en": "en"}.get(word)


def _checked(name: str) -> str:
    if (known := known_language(name)) is None:
        raise ValueError(f"expected a language of {', '.join(LANGUAGES)}; got {name!r}; choose one of them")
    return known


def set_language(name: str) -> None:
    """Set the language of the process: of every context that chose none itself.

    ``name`` is ``"zh_CN"`` or ``"en"``; longer and shorter spellings of the two are understood.

    Raises:
        ValueError: any other.
    """
    _Process.language = _checked(name)


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Set the language of this context, such as one request, while the block runs. ``name`` as ``set_language``."""
    token = _request.set(_checked(name))
    try:
        yield
    finally:
        _request.reset(token)


def get_language() -> str:
    """Return ``"zh_CN"`` or ``"en"``: the context's, else the process's, else ``YIZHAN_LANG``, else ``"zh_CN"``.

    A word in ``YIZHAN_LANG`` that is none of ours counts as unset: a typing slip in the environment
    must not silence an alarm.
    """
    chosen = _request.get() or _Process.language
    return chosen or known_language(os.environ.get(VARIABLE, "")) or SOURCE_LANGUAGE


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return Chinese → ``language``, translated entries only; empty for zh_CN."""
    if language == SOURCE_LANGUAGE:
        return {}
    path = files("yizhan.schemas") / "locale" / language / "LC_MESSAGES" / "yizhan.po"
    pairs = [map(_joined, found) for found in _ENTRY.findall(path.read_text("utf-8"))]
    return {message: translation for message, translation in pairs if message and translation}


def _joined(lines: str) -> str:
    """Return the text of quoted lines; a PO file escapes as JSON does."""
    return "".join(json.loads(line) for line in lines.splitlines())


def _(message: str) -> str:
    """Return ``message`` (a Chinese sentence) in the language of this context, or as it is."""
    return catalogue(get_language()).get(message, message)


def marked(message: str) -> str:
    """Return ``message`` untouched: it is collected here and translated where it is shown.

    >>> TITLE = marked("已送达")
    >>> TITLE
    '已送达'
    """
    return message


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as data: a message id and its parameters; ``str`` puts it into words in the language of who asks."""

    message: str
    params: Mapping[str, object]

    @classmethod
    def of(cls, message: str, /, **params: object) -> Sentence:
        """Make one of a message id (``marked``) and its parameters, which may be sentences or errors themselves."""
        return cls(message, MappingProxyType(params))

    def __str__(self) -> str:
        """Put it into words."""
        return _(self.message).format(**self.params) if self.params else _(self.message)


def join_list(words: Iterable[str]) -> str:
    """Join the items of a list.

    >>> join_list(["寿宁县", "庆元县"])
    '寿宁县、庆元县'
    """
    return ("、" if get_language() == SOURCE_LANGUAGE else ", ").join(words)


def join_sentences(sentences: Iterable[str]) -> str:
    """Join sentences into one line."""
    return ("；" if get_language() == SOURCE_LANGUAGE else ". ").join(sentences)


def with_note(text: str, note: str) -> str:
    """Put a note in brackets behind a text.

    >>> with_note("寿宁县", "350924")
    '寿宁县（350924）'
    """
    return f"{text}（{note}）" if get_language() == SOURCE_LANGUAGE else f"{text} ({note})"
