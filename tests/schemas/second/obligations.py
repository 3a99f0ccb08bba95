"""Obligations of a policy: which tables are refused (10.7)."""

from __future__ import annotations

from typing import Any

from tests.schemas.second.basics import Invalid, Json
from tests.schemas.second.policy import FACTS, ROUTE_ID, both_languages, row_shape_of
from tests.schemas.second.strict import array, number, object_of, one_of, text

FACTS_OF_OBLIGATIONS: dict[str, list[str]] = {
    **FACTS,
    "way": ["alarm", "notice", "digest"],
    "wants": ["feedback", "identity", "identity-far", "assistance", "countersign", "absent"],
    "receipt": ["delivered", "unopenable", "fetched", "unfetched", "acknowledged", "acted", "declined", "absent"],
}
STEPS = {"opened", "overdue", "discharged", "cancelled", "not-owed"}


def _is_true(value: Any) -> bool:  # noqa: ANN401 -- JSON is any
    return value is True


rows = array(row_shape_of(FACTS_OF_OBLIGATIONS), 1, 16)
count, days = number(0, 100_000), number(0, 3660)
obligation_shape = object_of(
    {
        "id": text(ROUTE_ID),
        "owes": one_of("sender", "recipients", "both", "who-refused", "each", "pair"),
        "opens": object_of(
            {}, {"when": rows, "refused": array(text(ROUTE_ID), 1, 16), "each": one_of("month", "quarter", "year")}
        ),
        "due": object_of(
            {},
            {
                **dict.fromkeys(("minutes", "hours"), count),
                **dict.fromkeys(("days", "working_days"), days),
                "since": one_of("opened", "expires", "end"),
            },
        ),
        "discharged": object_of({"when": rows, "by": one_of("answers", "thread", "period")}),
        "what": both_languages,
        "because": both_languages,
    },
    {
        "reminders": array(
            object_of(
                {"id": text(ROUTE_ID), "to": one_of("duty", "second", "liaison", "leader")},
                {
                    **dict.fromkeys(("after_minutes", "before_minutes"), count),
                    **dict.fromkeys(("after_days", "before_days", "before_working_days"), days),
                    "half": _is_true,
                    "day": number(1, 28),
                    "on": text(r"(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-30"),
                },
            ),
            0,
            16,
        ),
        "audit": _is_true,
        "sample": _is_true,
    },
)


def check_obligations(obligations: list[Json]) -> None:
    """Refuse what 10.7 refuses."""
    ids = [each["id"] for each in obligations]
    if len(set(ids)) != len(ids):
        raise Invalid("one id twice")
    for each in obligations:
        opens, due = each["opens"], each["due"]
        if len(opens) != 1 or len(due.keys() - {"since"}) != 1 or not set(opens.get("refused", [])) <= set(ids):
            raise Invalid("opens or due")
        (opened,) = opens
        owes = {"when": {"sender", "recipients", "both"}, "refused": {"who-refused"}, "each": {"each", "pair"}}[opened]
        period, end = opened == "each", due.get("since") == "end"
        if each["owes"] not in owes or period != end or (end and "days" not in due):
            raise Invalid("what does not go together")
        if period != (each["discharged"]["by"] == "period"):
            raise Invalid("what does not go together")
        reminders = each.get("reminders", [])
        names = [reminder["id"] for reminder in reminders]
        if len(set(names)) != len(names) or STEPS & set(names):
            raise Invalid("reminders")
        for reminder in reminders:
            if len(reminder) != 3 or (not period and reminder.keys() & {"day", "on"}):
                raise Invalid("a reminder")
