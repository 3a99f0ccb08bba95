"""The vectors notice a broken rule: each is broken in the second implementation, and some vector must disagree."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.schemas.mutations import MUTANTS, Mutant
from tests.schemas.second import judge as unbroken

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = "tests.schemas.second"
FOLDER: Final = Path(unbroken.__file__).parent
ORDER: Final = (
    "basics", "strict", "names", "keys", "policy", "obligations", "charter", "envelope", "admission", "statements",
    "opened", "merkle", "readers", "log", "files", "filenames", "tuf", "judge",
)  # fmt: skip
"""The modules of the second implementation, each after those that it needs."""
SOURCES: Final = {name: (FOLDER / f"{name}.py").read_text("utf-8") for name in ORDER}
UNNOTICED: Final[dict[str, str]] = {
    "2.1: depth": "no attribute of this version nests so deep: what is deeper has an attribute that does not exist",
    "18.1: no control characters": "a checkpoint has no line in which one could stand and still be read",
    "18.6: a time above 0": "no key held in 1970",
    "11.9: a member for each office key": "then members and delegations differ",
    "11.9: the targets": "then the files are not those of 11.2",
    "11.9: a delegation for each member": "then a keys file is missing (11.2)",
}
"""Rule → why no vector can notice, or none does yet."""
AT_LEAST: Final = 60


def read_vectors() -> dict[str, dict[str, dict[str, Any]]]:
    """Read every vector: kind → name → vector."""
    files = {kind: sorted((unbroken.VECTORS / kind).glob("*.json")) for kind in unbroken.JUDGES}
    return {kind: {path.stem: json.loads(path.read_text("utf-8")) for path in paths} for kind, paths in files.items()}


class Broken:
    """Makes the second implementation anew, with one edit."""

    def __init__(self) -> None:
        """Compile every module once."""
        self.compiled: dict[str, CodeType] = {name: self._compile(name, SOURCES[name]) for name in ORDER}

    def _compile(self, name: str, source: str) -> CodeType:
        return compile(source, f"{PACKAGE}/{name}.py", "exec", dont_inherit=True)

    @contextmanager
    def judge(self, mutant: Mutant) -> Iterator[ModuleType]:
        """Give the judge of a broken implementation; afterwards the modules are as they were."""
        source = SOURCES[mutant.module]
        assert source.count(mutant.old) == 1, f"{mutant.rule}: {mutant.old!r} stands {source.count(mutant.old)} times"
        code = self.compiled | {mutant.module: self._compile(mutant.module, source.replace(mutant.old, mutant.new))}
        kept = {name: module for name, module in sys.modules.items() if name.startswith(PACKAGE)}
        for name in kept:
            del sys.modules[name]
        package = ModuleType(PACKAGE)
        package.__path__ = []
        sys.modules[PACKAGE] = package
        try:
            for name in ORDER:
                module = ModuleType(f"{PACKAGE}.{name}")
                module.__file__ = str(FOLDER / f"{name}.py")
                sys.modules[module.__name__] = module
                exec(code[name], module.__dict__)  # noqa: S102 -- our own source
            yield sys.modules[f"{PACKAGE}.judge"]
        finally:
            for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
                del sys.modules[name]
            sys.modules.update(kept)


def noticed_by(judge: ModuleType, mutant: Mutant, vectors: dict[str, dict[str, dict[str, Any]]]) -> str | None:
    """Name a vector that a broken implementation judges otherwise than it expects; None if there is none."""
    for kind in sorted(judge.JUDGES, key=lambda kind: kind not in mutant.kinds):
        for name, vector in vectors[kind].items():
            try:
                if judge.JUDGES[kind](vector) != judge.expected(kind, vector):
                    return f"{kind}/{name}"
            except Exception as error:  # noqa: BLE001 -- whatever a broken program raises is noticed
                return f"{kind}/{name} ({type(error).__name__})"
    return None


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_nine_in_ten_broken_rules_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    """At least nine in ten are; those that no vector notices are listed here, each with its reason."""
    broken, vectors = Broken(), read_vectors()
    unnoticed = []
    for mutant in MUTANTS:
        with broken.judge(mutant) as judge:
            if noticed_by(judge, mutant, vectors) is None:
                unnoticed.append(mutant.rule)
    count = len(MUTANTS)
    with capsys.disabled():
        noticed = count - len(unnoticed)
        sys.stdout.write(f"\n{noticed} of {count} broken rules are noticed; not: {', '.join(unnoticed) or 'none'}\n")
    assert count >= AT_LEAST
    assert set(unnoticed) == UNNOTICED.keys()
    assert 10 * (count - len(unnoticed)) >= 9 * count


def test_the_modules_are_those_of_the_folder() -> None:
    """None is left out of a broken implementation, and no two rules have one name."""
    assert set(ORDER) == {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert len({mutant.rule for mutant in MUTANTS}) == len(MUTANTS)
