"""What a person can do next: a kind and its parameters, not the text of a command.

Rule 1: whoever decides that something can be done names it here; a face prints it: the command line as a command, a
        page as a link.
Rule 2: kinds are named ``subject.verb``; a face knows all of them (tested at the face).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person can do next, such as ``Action.to("inbox.acknowledge", id=…, county=…)``.

    ``kind`` is ``subject.verb``; ``params`` are its arguments, name → value.
    """

    kind: str
    params: Mapping[str, str]

    @classmethod
    def to(cls, kind: str, /, **params: object) -> Action:
        """Make an action; parameters that are None are left out."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return cls(kind, MappingProxyType(given))
