"""The routing policy: a table of rules that decides how an event reaches each recipient.

Rule 1: routes are tried in order, the first match wins, the last matches everything.
Rule 2: a row compares header attributes with sets of values; an attribute that the header does
        not have has the value ``absent``, so that what a missing one means stands in the table.
Rule 3: every decision names its route and the clause behind it.
Rule 4: a table with a gap, an unknown word or a route that nothing can reach does not load.
Rule 5: receipts and notices of the system itself always travel quietly and at once; that is
        protocol, not policy, and no table can change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.header import ContractModel, Header, LaneName
from yizhan.schemas.obligation_rules import MAX_OBLIGATIONS, ObligationRule, check
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.policy_facts import ATTRIBUTES, Row, Words, facts

MAX_ROUTES: Final = 64
MAX_ROWS: Final = 16
"""Rows a route: with these bounds even a hostile table is checked in seconds."""


class Way(StrEnum):
    """How an event arrives."""

    ALARM = "alarm"
    """At once; rings until a person acknowledges."""
    NOTICE = "notice"
    """At once, quietly."""
    DIGEST = "digest"
    """With the quarter."""

    @property
    def lane(self) -> LaneName:
        """Lane in which the sender counts it."""
        return "digest" if self is Way.DIGEST else "prompt"


class Route(ContractModel):
    """One rule: any of the rows in ``when`` matches → ``then``, because of the clause named."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
    when: Annotated[tuple[Row, ...], Field(strict=False, min_length=1, max_length=MAX_ROWS)]
    then: Annotated[Way, Field(strict=False)]
    because: Words


class PolicyFile(ContractModel):
    """``policy.json``."""

    border_strip_km: Annotated[int, Field(ge=0, le=200)]
    routes: Annotated[tuple[Route, ...], Field(strict=False, min_length=1, max_length=MAX_ROUTES)]
    obligations: Annotated[tuple[ObligationRule, ...], Field(strict=False, max_length=MAX_OBLIGATIONS)] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """How one event reaches one recipient, and by which rule."""

    way: Way
    rule: str
    because: Words


PROTOCOL: Final = Route(
    id="protocol",
    when=({"type": SYSTEM_TYPES},),
    then=Way.NOTICE,
    because=Words(zh="系统回执与通知即时静默送达", en="receipts and notices travel at once, quietly"),
)
"""Rule 5, tried before every table."""

Box = dict[str, frozenset[str]]
"""Attribute → values: every combination of them."""


class Policy:
    """A checked table of routes."""

    def __init__(self, file: PolicyFile) -> None:
        """Check the table.

        Raises:
            CharterInvalid: an id twice, an unknown attribute or value, a route or row that
                nothing reaches, or a last route that does not match everything.
        """
        check(file.obligations)
        self.border_strip_km = file.border_strip_km
        self.obligations = {each.id: each for each in file.obligations}
        self.routes = (PROTOCOL, *file.routes)
        if len({route.id for route in self.routes}) != len(self.routes):
            message = 'policy.json: route ids must differ, and "protocol" is taken'
            raise CharterInvalid(message)
        boxes = [(route, [_box(route, row) for row in route.when]) for route in self.routes]
        _refuse_unreachable(boxes)
        if any(_box(self.routes[-1], row) == ATTRIBUTES for row in self.routes[-1].when) is False:
            message = f"policy.json: the last route, {self.routes[-1].id}, must match everything: when = [{{}}]"
            raise CharterInvalid(message)
        self._boxes = [
            (Decision(route.then, route.id, route.because), [_narrow(box) for box in rows]) for route, rows in boxes
        ]

    def decide(self, facts: Mapping[str, str]) -> Decision:
        """Return the first route that the facts match."""
        for decision, rows in self._boxes:
            for row in rows:
                for attribute, values in row:
                    if facts[attribute] not in values:
                        break
                else:
                    return decision
        message = "no route matches; a checked table always has one that does"
        raise AssertionError(message)


def decide(header: Header, recipient: str, policy: Policy) -> Decision:
    """Decide how an event reaches one recipient. Pure: anyone can compute it again.

    Args:
        header: of an admitted event.
        recipient: a member code of its ``to``.
        policy: of the charter in force when it was received.
    """
    return policy.decide(facts(header, recipient))


def regions(policy: Policy) -> list[tuple[Decision, Box]]:
    """Cut everything that a header can say into disjoint boxes, each with the decision that falls in it.

    A box is attribute → values; it stands for every combination of them. Together they cover all.
    """
    found: list[tuple[Decision, Box]] = []
    earlier: list[Box] = []
    for route in policy.routes:
        for row in route.when:
            box = _box(route, row)
            rest = [box]
            for taken in earlier:
                rest = [piece for each in rest for piece in _subtract(each, taken)]
            found += [(Decision(route.then, route.id, route.because), piece) for piece in rest]
            earlier.append(box)
    return found


def _box(route: Route, row: Mapping[str, Iterable[str]]) -> Box:
    for attribute, values in row.items():
        if attribute not in ATTRIBUTES:
            message = (
                f"policy.json: route {route.id} compares the unknown attribute {attribute[:40]!r}; "
                f"known are {', '.join(ATTRIBUTES)}"
            )
            raise CharterInvalid(message)
        if unknown := set(values) - ATTRIBUTES[attribute]:
            message = (
                f"policy.json: route {route.id}: {attribute} is never {min(unknown)[:60]!r}; "
                f"its values are {', '.join(sorted(ATTRIBUTES[attribute]))}"
            )
            raise CharterInvalid(message)
    return {name: frozenset(row.get(name, values)) for name, values in ATTRIBUTES.items()}


def _narrow(box: Box) -> list[tuple[str, frozenset[str]]]:
    """Leave out attributes of which a row takes every value."""
    return [(name, values) for name, values in box.items() if values != ATTRIBUTES[name]]


def _refuse_unreachable(routes: list[tuple[Route, list[Box]]]) -> None:
    """Refuse a row whose every case an earlier row takes: exact, by subtracting boxes."""
    earlier: list[Box] = []
    for route, rows in routes:
        for number, row in enumerate(rows, 1):
            rest = [row]
            for taken in earlier:
                rest = [piece for box in rest for piece in _subtract(box, taken)]
            if not rest:
                message = (
                    f"policy.json: row {number} of route {route.id} is never reached: earlier rows match all of it"
                )
                raise CharterInvalid(message)
            earlier.append(row)


def _subtract(box: Box, taken: Box) -> list[Box]:
    """Cut ``taken`` out of ``box``: disjoint boxes that cover the rest."""
    if any(box[name].isdisjoint(taken[name]) for name in box):
        return [box]
    pieces, inner = [], dict(box)
    for name, values in box.items():
        if outside := values - taken[name]:
            pieces.append({**inner, name: outside})
            inner[name] = values & taken[name]
    return pieces
