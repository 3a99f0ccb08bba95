"""Obligations of a charter, for its vectors: tables that load, and tables that do not (specification, 10.7)."""

from __future__ import annotations

from typing import Any, Final

FIRE: Final = {"type": ["yizhan.incident.forest_fire.v1"]}
WORDS: Final = {"zh": "试", "en": "try"}
BASE: Final[dict[str, Any]] = {
    "id": "base", "owes": "recipients", "opens": {"when": [FIRE]}, "due": {"hours": 1},
    "discharged": {"when": [{"receipt": ["acknowledged"]}], "by": "answers"}, "what": WORDS, "because": WORDS,
}  # fmt: skip
PERIOD: Final[dict[str, Any]] = BASE | {
    "owes": "each", "opens": {"each": "month"}, "due": {"days": 0, "since": "end"},
    "discharged": {"when": [{"type": ["yizhan.liaison.contact.v1"]}], "by": "period"},
}  # fmt: skip
REFUSAL: Final[dict[str, Any]] = BASE | {"id": "papers", "owes": "who-refused", "opens": {"refused": ["base"]}}


def reminded(**when: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
    """Return the obligation with one reminder."""
    return BASE | {"reminders": [{"id": "soon", "to": "duty", **when}]}


def on(day: str) -> dict[str, Any]:
    """Return the period's obligation with a reminder on a day of the year."""
    return PERIOD | {"opens": {"each": "year"}, "reminders": [{"id": "then", "to": "leader", "on": day}]}


GOOD_OBLIGATIONS: Final[dict[str, dict[str, Any]]] = {
    "of an event": BASE,
    "of a period": PERIOD,
    "with a reminder": reminded(before_minutes=30),
    "with a term of 3660 days": BASE | {"due": {"working_days": 3660}},
    "with a term of 100000 hours": BASE | {"due": {"hours": 100_000}},
    "on a day that each year has": on("09-30"),
    "measured afterwards": BASE | {"audit": True, "sample": True},
    "of a stage of a receipt": BASE | {"discharged": {"when": [{"receipt": ["unfetched"]}], "by": "thread"}},
    "of a way and of what is wanted": BASE | {"opens": {"when": [{"way": ["digest"], "wants": ["absent"]}]}},
}  # fmt: skip
WRONG_OBLIGATIONS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "one id twice": (BASE, BASE),
    "opened by nothing": (BASE | {"opens": {}},),
    "opened by two": (BASE | {"opens": {"when": [FIRE], "refused": ["base"]}},),
    "without a term": (BASE | {"due": {}},),
    "with two terms": (BASE | {"due": {"hours": 1, "days": 1}},),
    "with a term below zero": (BASE | {"due": {"hours": -1}},),
    "with a term of 100,001 minutes": (BASE | {"due": {"minutes": 100_001}},),
    "with a term of 3,661 days": (BASE | {"due": {"days": 3661}},),
    "with a reminder after 3,661 days": (reminded(after_days=3661),),
    "an event since an end": (BASE | {"due": {"days": 1, "since": "end"}},),
    "a period since its opening": (PERIOD | {"due": {"days": 1}},),
    "a period in hours": (PERIOD | {"due": {"hours": 1, "since": "end"}},),
    "a period that a sender owes": (PERIOD | {"owes": "sender"},),
    "an event that a pair owes": (BASE | {"owes": "pair"},),
    "a refusal that recipients owe": (BASE, REFUSAL | {"owes": "recipients"}),
    "an event that who refused owes": (BASE | {"owes": "who-refused"},),
    "a refusal of no obligation": (REFUSAL,),
    "an event discharged by period": (BASE | {"discharged": BASE["discharged"] | {"by": "period"}},),
    "a period discharged by answers": (PERIOD | {"discharged": PERIOD["discharged"] | {"by": "answers"}},),
    "discharged by no row": (BASE | {"discharged": {"when": [], "by": "answers"}},),
    "an attribute that is no fact": (BASE | {"opens": {"when": [{"subject": ["absent"]}]}},),
    "a value that a fact never has": (BASE | {"discharged": {"when": [{"way": ["absent"]}], "by": "answers"}},),
    "one reminder twice": (BASE | {"reminders": [{"id": "soon", "to": "duty", "half": True}] * 2},),
    "a reminder called as a step": (BASE | {"reminders": [{"id": "overdue", "to": "duty", "half": True}]},),
    "a reminder without a time": (reminded(),),
    "a reminder with two times": (reminded(half=True, before_minutes=5),),
    "a reminder of nobody": (BASE | {"reminders": [{"id": "soon", "to": "mayor", "half": True}]},),
    "half that is false": (reminded(half=False),),
    "a day of the month for an event": (reminded(day=5),),
    "a day of the year for an event": (reminded(on="05-05"),),
    "on the 30th of February": (on("02-30"),),
    "on the 31st": (on("01-31"),),
    "on a 13th month": (on("13-01"),),
    "an attribute that does not exist": (BASE | {"fine": 5},),
    "without what is owed": ({name: value for name, value in BASE.items() if name != "what"},),
    "audit that is false": (BASE | {"audit": False},),
}
