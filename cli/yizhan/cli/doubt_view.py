"""Doubts as sentences: the one piece of code that says them, for file, form, table, hotspot and CAP."""

from __future__ import annotations

from yizhan.cli.labels import doubt_sentence
from yizhan.producers.doubts import Judgement
from yizhan.schemas.i18n import join_list, with_note
from yizhan.services.home import Home


def doubt_sentences(home: Home, judged: Judgement) -> list[str]:
    """Say each doubt of a draft."""
    place = home.member_name(judged.county or "")
    basis = judged.grade.basis if judged.grade is not None else ""
    named = (code if meant is None else with_note(code, f"{meant}?") for code, meant in judged.strangers)
    strangers = join_list(named)
    return [doubt_sentence(doubt, judged.draft.type, place, basis, strangers) for doubt in judged.doubts]
