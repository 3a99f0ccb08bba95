"""Parts of a station that share the members: who serves whom, and what one part tells the others.

A member's events are handled by one part. An obligation is owned by the part that serves who owes it: whatever
discharges it is an event of that very member, so the owner reads it in order with its ticks.

Rule 1: a part tells the others what its members' events open and end, in ``yizhan.observations``, before the input is
        committed; who is concerned learns it. So an answer finds what it answers, and a withdrawal what it takes back.
Rule 2: an answer may be handled before the part learns what it answers. It is remembered (``EarlyEvents``), observed
        again then, and what follows is said by statements of its own.
Rule 3: what two members owe together is owned by the part of the first; another part asks it to say that it is
        discharged (``asked``).
Rule 4: what is observed again says the same again. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from yizhan.schemas import strictjson, topics
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import ContractModel, MemberCode
from yizhan.schemas.obligation_events import Event

if TYPE_CHECKING:
    from typing import Self

_STEPS: Final = 128
"""Steps in one record, at most: far below the largest batch of the topic."""
_EARLY: Final = 4096


@dataclass(frozen=True, slots=True)
class Share:
    """What one part of the station serves: ``serves`` of the alliance's ``members``.

    ``shared`` tells whether there may be other parts: then it reads what they observed.
    """

    members: tuple[str, ...]
    serves: tuple[str, ...]
    part: str = topics.MAIN
    shared: bool = False

    @classmethod
    def of(cls, members: Iterable[str], part: str, assigned: Mapping[str, str] | None) -> Share:
        """Return a part's share by the assignment, member → part (None: nobody shares)."""
        codes = tuple(sorted(members))
        if assigned is None:
            return cls(codes, codes if part == topics.MAIN else (), part)
        return cls(codes, tuple(code for code in codes if assigned.get(code, topics.MAIN) == part), part, shared=True)

    @property
    def observed(self) -> frozenset[str] | None:
        """Members whose events this part observes itself; None: all."""
        return frozenset(self.serves) if self.shared else None

    @property
    def sources(self) -> list[str]:
        """Topics whose records come before a tick: events, and what other parts observed."""
        return [*map(topics.events, self.serves), *([topics.OBSERVATIONS] if self.shared else [])]

    @property
    def group(self) -> str:
        """The consumer group."""
        return topics.part_group(self.part)


class Observation(ContractModel):
    """A record of ``yizhan.observations``: what part ``part`` has said, and what it asks owners to say.

    ``concerned`` are the members whose parts have to know it.
    """

    part: str
    concerned: Annotated[tuple[MemberCode, ...], Field(strict=False)]
    steps: Annotated[tuple[Followup, ...], Field(strict=False)] = ()
    asked: Annotated[tuple[Followup, ...], Field(strict=False)] = ()

    def to_bytes(self) -> bytes:
        """Serialise it."""
        return strictjson.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def for_us(cls, data: bytes, part: str, serves: Collection[str]) -> Self | None:
        """Parse it, if it is another part's and concerns us (``ValueError`` if it is malformed)."""
        said = strictjson.loads(data)
        if not isinstance(said, dict) or said.get("part") == part or not set(said.get("concerned", ())) & set(serves):
            return None
        return cls.model_validate(said)


def observations(
    part: str, steps: Sequence[Followup], asked: Sequence[Followup], concerned: Iterable[str], serves: Collection[str]
) -> Iterator[bytes]:
    """Yield the records by which a part tells others; none if it serves everybody concerned."""
    whom = {*concerned, *(code for each in (*steps, *asked) for code in each.parties)}
    if (steps or asked) and not whom <= set(serves):
        codes = tuple(sorted(whom))
        for begin in range(0, len(steps), _STEPS):
            yield Observation(part=part, concerned=codes, steps=tuple(steps[begin : begin + _STEPS])).to_bytes()
        for begin in range(0, len(asked), _STEPS):
            yield Observation(part=part, concerned=codes, asked=tuple(asked[begin : begin + _STEPS])).to_bytes()


class EarlyEvents:
    """Recent events of our members that refer to events of members of other parts (rule 2).

    Kept in memory: if this part dies too before it learns what was answered, who owes is reminded, and answers again.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._by_reference: dict[str, list[tuple[Event, set[tuple[str, str]]]]] = {}

    def remember(self, event: Event, said: Iterable[Followup], serves: Collection[str]) -> None:
        """Remember an event with what was said of it, if it refers to an event of somebody else's."""
        references = {event.thread, *([] if event.answers is None else [event.answers.id])}
        for each in references:
            if each != event.header.id and each[:6] not in serves:
                known = {(step.obligation, step.step) for step in said}
                self._by_reference.setdefault(each, []).append((event, known))
        for oldest in list(islice(self._by_reference, max(0, len(self._by_reference) - _EARLY))):
            del self._by_reference[oldest]

    def about(self, learnt: Iterable[Followup]) -> Iterator[tuple[Event, set[tuple[str, str]]]]:
        """Yield each event that refers to what was learnt, with what was said of it (to be extended)."""
        names = dict.fromkeys(name for each in learnt for name in (each.about and each.about.id, each.thread) if name)
        found = [each for name in names for each in self._by_reference.get(name, ())]
        yield from {id(known): (event, known) for event, known in found}.values()
