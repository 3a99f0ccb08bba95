"""Which language this run speaks.

Rule 1: the first of these that names a language wins: ``--lang``, ``YIZHAN_LANG``, ``lang`` in
        ``yizhan.toml``, zh_CN.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from yizhan.schemas.i18n import LANGUAGES, SOURCE_LANGUAGE, VARIABLE, _, join_list, known_language, set_language

HOME_VARIABLE: Final = "YIZHAN_HOME"
DEFAULT_HOME: Final = "yizhan-home"


def choose_language(arguments: Sequence[str]) -> str:
    """Set and return the language of this process, by rule 1."""
    word = _value_of("--lang", arguments)
    chosen = (
        (known_language(word) if word else None)
        or known_language(os.environ.get(VARIABLE, ""))
        or known_language(_in_settings(arguments))
        or SOURCE_LANGUAGE
    )
    set_language(chosen)
    return chosen


def unused_variables(environment: Mapping[str, str]) -> list[str]:
    """Say which ``YIZHAN_…`` variables have no effect: a misspelled one must not pass in silence."""
    sentences = []
    if (name := environment.get(VARIABLE, "")) and known_language(name) is None:
        sentence = _("{variable}={value} 不是 {choices}，未采用")
        sentences.append(sentence.format(variable=VARIABLE, value=name, choices=join_list(LANGUAGES)))
    others = [each for each in sorted(environment) if each.startswith("YIZHAN_")]
    if set(others) - {VARIABLE, HOME_VARIABLE}:
        from yizhan.runtime.settings import unknown_variables  # noqa: PLC0415 -- heavy, and rarely needed

        sentences += [_("没有设置 {name}，未采用").format(name=each) for each in unknown_variables(others)]
    return sentences


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
    """Return the language in ``yizhan.toml``; faults of that file are reported when all settings are read."""
    home = _value_of("--home", arguments) or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME
    try:
        return str(tomllib.loads((Path(home) / "yizhan.toml").read_text(encoding="utf-8")).get("lang", ""))
    except (OSError, ValueError):
        return ""
