"""Words and sentences that commands make of codes and errors; the tables are those of ``services.labels``.

Rule 1: a word that this version does not know is shown as it came.
Rule 2: an error whose own sentence is for engineers is shown by what it means; its sentence follows, marked.
"""

from __future__ import annotations

from yizhan.schemas.errors import Refused
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.table import type_name
from yizhan.schemas.sentences import technical
from yizhan.services.labels import ARRIVALS, DOUBTS, ERRORS, STAGES, WAYS, reason_name


def way_name(word: str) -> str:
    """Return what a way is called."""
    return _(WAYS[word]) if word in WAYS else word


def arrival(word: str) -> str:
    """Return how something arrives by a way."""
    return _(ARRIVALS[word]) if word in ARRIVALS else word


def doubt_sentence(word: str, type: str, county: str, basis: str = "", strangers: str = "") -> str:
    """Return what should be checked again.

    ``county`` is where it happened, ``basis`` what the law's figures say, ``strangers`` are counties that are no
    members.
    """
    return _(DOUBTS[word]).format(type=type_name(type), county=county, basis=basis, strangers=strangers)


def refusal(word: str, detail: str | None) -> str:
    """Return why something was refused: what the reason means, then the station's own sentence."""
    return technical(reason_name(word), detail) if detail else reason_name(word)


def error_sentence(error: Exception) -> str:
    """Return the sentence of an error of ours, or what its class means with that as a detail."""
    if isinstance(error, Refused):
        return refusal(error.reason.value, str(error))
    meaning = next((ERRORS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in ERRORS), None)
    return str(error) if meaning is None else technical(_(meaning), error)


def stage_name(word: str) -> str:
    """Return what the stage of a receipt is called."""
    return _(STAGES[word]) if word in STAGES else word
