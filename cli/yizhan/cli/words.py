"""The language of this run, known before anything that takes time is imported.

Rule 1: the first of these that names a language wins: ``--lang``, ``YIZHAN_LANG``, ``lang`` in
        ``yizhan.toml``, zh_CN.
Rule 2: sentences are those of ``yizhan.schemas.i18n``, and so is the catalogue; it is read here by
        its place, because importing the contract takes longer than showing a help text may.
Rule 3: Chinese is the source language: showing it needs no file at all.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CHINESE: Final = "zh_CN"
LANGUAGES: Final = (CHINESE, "en")
LANGUAGE_VARIABLE: Final = "YIZHAN_LANG"
HOME_VARIABLE: Final = "YIZHAN_HOME"
DEFAULT_HOME: Final = "yizhan-home"
_ENTRY: Final = re.compile(r'msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)')
_QUOTED: Final = re.compile(r'"(.*)"')


class _Chosen:
    """The language of this process's command line."""

    language: str = CHINESE


def known(name: str) -> str | None:
    """Return the language that a word means (``zh``, ``en_US.UTF-8``, ``zh-CN``), or None."""
    word = name.strip().replace("-", "_").split(".")[0].split("_")[0].lower()
    return {"zh": CHINESE, "en": "en"}.get(word)


def choose(arguments: Sequence[str]) -> str:
    """Choose by the command line's words, the environment and the home's settings (rule 1)."""
    word = _value_of("--lang", arguments)
    _Chosen.language = (
        (known(word) if word else None)
        or known(os.environ.get(LANGUAGE_VARIABLE, ""))
        or known(_in_settings(arguments))
        or CHINESE
    )
    return _Chosen.language


def doubtful(environment: Mapping[str, str]) -> list[str]:
    """Tell of variables that look like ours and say nothing to us: they are passed over, but not in silence."""
    said = []
    if (name := environment.get(LANGUAGE_VARIABLE, "")) and known(name) is None:
        sentence = _("{variable}={value} 不是 {choices}，未采用")
        said.append(sentence.format(variable=LANGUAGE_VARIABLE, value=name, choices=listed(LANGUAGES)))
    others = [each for each in sorted(environment) if each.startswith("YIZHAN_")]
    if set(others) - {LANGUAGE_VARIABLE, HOME_VARIABLE}:
        from yizhan.runtime.settings import unknown_variables

        said += [_("没有设置 {name}，未采用").format(name=each) for each in unknown_variables(others)]
    return said


def speak() -> None:
    """Let every part of the program speak the language chosen; the contract is imported."""
    from yizhan.schemas.i18n import set_language

    set_language(_Chosen.language)


def language() -> str:
    """Return the language chosen: ``"zh_CN"`` or ``"en"``."""
    return _Chosen.language


def _(message: str) -> str:
    """Return a Chinese sentence in the language chosen, or as it is."""
    return message if _Chosen.language == CHINESE else catalogue(_Chosen.language).get(message, message)


def listed(words: Iterable[str]) -> str:
    """Write a list as the language chosen does.

    >>> listed(["寿宁县", "庆元县"])
    '寿宁县、庆元县'
    """
    return ("、" if _Chosen.language == CHINESE else ", ").join(words)


def several(sentences: Iterable[str]) -> str:
    """Write sentences one after the other."""
    return ("；" if _Chosen.language == CHINESE else "; ").join(sentences)


def beside(text: str, more: str) -> str:
    """Write something in brackets behind a text."""
    return f"{text}（{more}）" if _Chosen.language == CHINESE else f"{text} ({more})"


def marked(message: str) -> str:
    """Return a sentence untouched: it is collected here and translated where it is shown."""
    return message


@cache
def catalogue(name: str) -> Mapping[str, str]:
    """Return Chinese → another language; the same that ``yizhan.schemas.i18n.catalogue`` gives."""
    spec = importlib.util.find_spec("yizhan.schemas")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "locale" / name / "LC_MESSAGES" / "yizhan.po"
        if path.is_file():
            pairs = (
                _pair(entry) for entry in path.read_text(encoding="utf-8").split("\n\n") if "#, fuzzy" not in entry
            )
            return {key: value for key, value in pairs if key and value}
    return {}


def _pair(entry: str) -> tuple[str, str]:
    """Read one entry of a catalogue (GNU gettext manual, "The Format of PO Files")."""
    lines = "".join(line + "\n" for line in entry.splitlines() if not line.startswith("#"))
    match = _ENTRY.fullmatch(lines)
    return ("", "") if match is None else (_joined(match[1]), _joined(match[2]))


def _joined(lines: str) -> str:
    escapes = {"n": "\n", "t": "\t"}
    return "".join(re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), text) for text in _QUOTED.findall(lines))


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    """Find the value of an option, wherever it stands: ``--lang en`` or ``--lang=en``."""
    for number, word in enumerate(arguments):
        if word == "--":
            return None
        if word == option and number + 1 < len(arguments):
            return arguments[number + 1]
        if word.startswith(option + "="):
            return word.partition("=")[2]
    return None


def _in_settings(arguments: Sequence[str]) -> str:
    """Return the word in ``yizhan.toml``; whoever reads all of the settings says what is wrong with them."""
    import tomllib

    home = _value_of("--home", arguments) or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME
    try:
        return str(tomllib.loads((Path(home) / "yizhan.toml").read_text(encoding="utf-8")).get("lang", ""))
    except (OSError, ValueError):
        return ""


def interactive() -> bool:
    """Tell whether a person sits at both ends of this process."""
    return sys.stdin.isatty() and sys.stderr.isatty()
