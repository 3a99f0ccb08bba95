"""Officers read Chinese unless they ask for English."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from babel.messages.pofile import read_po

from yizhan.schemas import i18n
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked


@pytest.fixture(autouse=True)
def _nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n._Process, "language", None)  # noqa: SLF001  the state under test
    monkeypatch.delenv(i18n.VARIABLE, raising=False)


def test_chinese_is_the_default() -> None:
    """Nothing set, nothing in the environment: the message id itself is shown."""
    assert i18n.get_language() == "zh_CN"
    assert i18n._("没有译文的一句话") == "没有译文的一句话"


@pytest.mark.parametrize(
    ("word", "language"),
    [
        ("en", "en"),
        ("en_US.UTF-8", "en"),
        ("zh", "zh_CN"),
        ("zh-CN", "zh_CN"),
        ("klingon", "zh_CN"),
        ("", "zh_CN"),
    ],
)
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, word: str, language: str) -> None:
    """YIZHAN_LANG chooses in any usual spelling; a slip in it falls back to Chinese."""
    monkeypatch.setenv(i18n.VARIABLE, word)
    assert i18n.get_language() == language


def test_what_was_set_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice in the program is stronger than the environment's."""
    monkeypatch.setenv(i18n.VARIABLE, "zh_CN")
    i18n.set_language("en")
    assert i18n.get_language() == "en"


def test_an_unknown_language_is_refused() -> None:
    """Setting a language without a catalogue says which there are."""
    with pytest.raises(ValueError, match="zh_CN, en"):
        i18n.set_language("fr")


def test_the_catalogue_is_read_as_babel_reads_it() -> None:
    """Our quick reader and Babel find the same translations."""
    with Path(i18n.__file__).with_name("locale").joinpath("en/LC_MESSAGES/yizhan.po").open("rb") as file:
        entries = {entry.id: entry.string for entry in read_po(file, locale="en") if entry.id and not entry.fuzzy}
    assert i18n.catalogue("en") == entries


def test_every_finished_entry_is_used() -> None:
    """In English, each entry of the catalogue replaces its Chinese sentence."""
    i18n.set_language("en")
    for chinese, english in i18n.catalogue("en").items():
        assert i18n._(chinese) == english


def test_a_sentence_without_translation_is_shown_in_chinese() -> None:
    """A sentence without a translation is shown in Chinese."""
    i18n.set_language("en")
    assert i18n._("没有译文的一句话") == "没有译文的一句话"


def test_marking_changes_nothing() -> None:
    """A marked sentence is collected for the catalogue and returned as it is."""
    assert i18n.marked("已送达") == "已送达"


def test_two_threads_may_speak_two_languages() -> None:
    """Each thread has its own language, and an error raised in one is shown in the language of whoever shows it."""
    both = Barrier(2, timeout=30)

    def speak(language: str) -> tuple[str, str, YizhanError]:
        with i18n.speaking(language):
            both.wait()
            error = YizhanError(marked("没有登记这样的密钥：{kid}"), kid="ab")
            shown = str(error)
            both.wait()
            return i18n.get_language(), shown, error

    with ThreadPoolExecutor(2) as threads:
        chinese, english = threads.map(speak, ["zh_CN", "en"])
    assert (chinese[0], english[0]) == ("zh_CN", "en")
    assert chinese[1] != english[1]
    with i18n.speaking("en"):
        assert str(chinese[2]) == str(english[2]) == english[1]
    assert str(english[2]) == chinese[1]
