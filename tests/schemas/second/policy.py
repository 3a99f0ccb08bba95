"""Policy (clause 10): facts, routes, and the tables that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.schemas.second.basics import Invalid, Json
from tests.schemas.second.names import NOTICE, RECEIPT
from tests.schemas.second.strict import array, object_of, one_of, text, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


TYPES = [
    f"yizhan.{name}.v1"
    for name in [
        "incident.forest_fire",
        "incident.hotspot",
        "incident.natural_disaster",
        "incident.eco_crime",
        "liaison.contact",
        "liaison.consultation",
        "intelligence.report",
        "intelligence.feedback",
        "intelligence.bulletin",
        "patrol.plan",
        "patrol.report",
        "dispute.case",
        "assistance.request",
        "assistance.response",
        "outreach.campaign",
        "outreach.case_brief",
        "receipt",
        "notice",
    ]
]
LIFE = {"yizhan.incident.forest_fire.v1", "yizhan.incident.natural_disaster.v1"}
FACTS: dict[str, list[str]] = {
    "type": [*TYPES, "any other type"],
    "status": ["Actual", "Exercise", "Test"],
    "priority": ["flash", "urgent", "routine"],
    "grade": ["1", "2", "3", "4", "absent"],
    "certainty": ["Observed", "Likely", "Possible", "Unlikely", "Unknown", "absent"],
    "stage": ["first", "update", "final", "absent"],
    "worse": ["yes", "no"],
    "touches": ["recipient", "others", "absent"],
    "refers": ["withdraws", "supersedes", "reply_to", "none"],
}


both_languages = object_of({"zh": words(1, 300), "en": words(1, 300)})
ROUTE_ID = r"[a-z][a-z0-9-]{1,31}"


def row_shape_of(known: Mapping[str, list[str]]) -> Callable[[Any], bool]:
    """Return the shape of a row that compares some facts (10.5)."""
    return object_of({}, {name: array(one_of(*values), 1) for name, values in known.items()})


route_shape = object_of({
    "id": text(ROUTE_ID), "when": array(row_shape_of(FACTS), 1, 16), "because": both_languages,
    "then": one_of("alarm", "notice", "digest"),
})  # fmt: skip


PROTOCOL = {"id": "protocol", "when": [{"type": [RECEIPT, NOTICE]}], "then": "notice"}


def facts(header: Json, recipient: str) -> dict[str, str]:
    """Work out the facts of 10.2."""
    touches = header.get("touches")
    return {
        "type": header["type"] if header["type"] in TYPES else "any other type",
        "status": header["status"],
        "priority": header["priority"],
        "grade": str(header.get("grade", "absent")),
        "certainty": header.get("certainty", "absent"),
        "stage": header.get("stage", "absent"),
        "worse": "yes" if header.get("worse") else "no",
        "touches": "absent" if not touches else "recipient" if recipient in touches else "others",
        "refers": next((name for name in ("withdraws", "supersedes", "reply_to") if name in header), "none"),
    }


def matches(row: Json, known: Mapping[str, str]) -> bool:
    """Return whether a row matches (10.1)."""
    return all(known[name] in values for name, values in row.items())


def check_routes(routes: list[Json]) -> None:
    """Refuse what 10.6 refuses."""
    if len({route["id"] for route in routes}) != len(routes):
        raise Invalid("one id twice")
    rows = [row for route in routes for row in route["when"]]
    if not any(
        all(set(row.get(name, values)) == set(values) for name, values in FACTS.items()) for row in routes[-1]["when"]
    ):
        raise Invalid("the last route")
    if len(_reached(rows, tuple(range(len(rows))), list(FACTS), {})) != len(rows):
        raise Invalid("a row is never reached")


def _reached(
    rows: list[Json], left: tuple[int, ...], names: list[str], known: dict[tuple[int, tuple[int, ...]], set[int]]
) -> set[int]:
    """Tell which of the rows that are left some case reaches, by trying each value of each fact in turn."""
    if not left:
        return set()
    if not any(name in rows[left[0]] for name in names):
        return {left[0]}
    asked = len(names), left
    if asked not in known:
        name, *rest = names
        parts = {tuple(n for n in left if value in rows[n].get(name, FACTS[name])) for value in FACTS[name]}
        known[asked] = set().union(*(_reached(rows, part, rest, known) for part in parts))
    return known[asked]
