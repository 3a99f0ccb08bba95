"""What officers read, in Chinese or English.

Rule 1: a message id *is* the Chinese sentence; zh_CN therefore needs no catalogue.
Rule 2: ``en`` is ``locale/en/LC_MESSAGES/yizhan.po``, read by Babel when first asked for.
Rule 3: a sentence without a translation is shown in Chinese: something to read beats nothing.
Rule 4: values are filled in after translation: ``_("收到{count}件").format(count=3)``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final

from babel.messages.pofile import read_po

from yizhan.schemas.errors import YizhanError

SOURCE_LANGUAGE: Final = "zh_CN"
LANGUAGES: Final = (SOURCE_LANGUAGE, "en")
VARIABLE: Final = "YIZHAN_LANG"


class UnknownLanguage(YizhanError):
    """A language was asked for that has no catalogue."""


class _Chosen:
    """The process's language, once somebody chose one; before that the environment's word."""

    language: str | None = None


def _known(name: str) -> str | None:
    """Return the language that ``name`` means (``zh``, ``en_US.UTF-8``, ``zh-CN``), or None."""
    word = name.strip().replace("-", "_").split(".")[0].split("_")[0].lower()
    return {"zh": SOURCE_LANGUAGE, "en": "en"}.get(word)


def set_language(name: str) -> None:
    """Speak ``name`` from now on, in every thread of this process.

    ``name`` is ``"zh_CN"`` or ``"en"``; longer and shorter spellings of the two are understood.

    Raises ``UnknownLanguage`` for any other.
    """
    known = _known(name)
    if known is None:
        message = f"expected a language of {', '.join(LANGUAGES)}; came {name!r}; choose one of them"
        raise UnknownLanguage(message)
    _Chosen.language = known


def get_language() -> str:
    """Return ``"zh_CN"`` or ``"en"``: what was set, else ``YIZHAN_LANG``, else ``"zh_CN"``.

    A word in ``YIZHAN_LANG`` that is none of ours counts as unset: a typing slip in the environment
    must not silence an alarm.
    """
    return _Chosen.language or _known(os.environ.get(VARIABLE, "")) or SOURCE_LANGUAGE


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return Chinese → ``language``, finished entries only; empty for zh_CN."""
    if language == SOURCE_LANGUAGE:
        return {}
    path = files("yizhan.schemas") / "locale" / language / "LC_MESSAGES" / "yizhan.po"
    entries = read_po(BytesIO(path.read_bytes()), locale=language, domain="yizhan")
    return {
        entry.id: entry.string
        for entry in entries
        if isinstance(entry.id, str) and isinstance(entry.string, str) and entry.id and entry.string and not entry.fuzzy
    }


def _(message: str) -> str:
    """Return ``message`` (a Chinese sentence) in the language chosen, or as it is."""
    return catalogue(get_language()).get(message, message)


def marked(message: str) -> str:
    """Return ``message`` untouched: it is collected here and translated where it is shown.

    >>> TITLE = marked("已送达")
    >>> TITLE
    '已送达'
    """
    return message
