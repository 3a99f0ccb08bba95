"""Every vector but the envelope's: both implementations say what its file expects."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.schemas.second import judge as second
from tests.vectors import judge as first
from tests.world.each import each

FILES: Final[dict[str, dict[str, Any]]] = {
    f"{kind}/{path.stem}": json.loads(path.read_text("utf-8"))
    for kind in second.JUDGES
    for path in sorted((first.VECTORS / kind).glob("*.json"))
}


OURS: Final = [name for name in FILES if name.partition("/")[0] in first.JUDGES]


@each("name", OURS)
def test_this_implementation_says_what_is_expected(name: str) -> None:
    """What the program calls gives the answer of the file."""
    assert first.JUDGES[name.partition("/")[0]](FILES[name]) == FILES[name]["expected"]


@each("name", FILES)
def test_the_second_implementation_says_the_same(name: str) -> None:
    """Who knew only the specification gives the same answer."""
    kind = name.partition("/")[0]
    assert second.JUDGES[kind](FILES[name]) == second.expected(kind, FILES[name])


def test_each_kind_has_good_and_bad_ones() -> None:
    """A kind of which all are taken, or none, shows nothing."""
    for kind in first.JUDGES:
        answers = [bool(vector["expected"]) for name, vector in FILES.items() if name.startswith(f"{kind}/")]
        assert len(answers) > 5, kind
        names = [name for name, vector in FILES.items() if name.startswith(f"{kind}/") and _taken(vector["expected"])]
        assert 0 < len(names) < len(answers), kind


def _taken(expected: dict[str, Any]) -> bool:
    return "refused" not in expected and False not in expected.values()
