"""What faces rely on: one class for one code of an error, and a command for every action."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator

import yizhan
from tests.house.tree import FOLDERS, is_action, nodes, sources
from yizhan.schemas.errors import YizhanError
from yizhan.services.commands import COMMANDS

UNKNOWN_COUNTY = {
    ("audit/history.py", "outbox.list"), ("consumers/files.py", "inbox.run"),
    ("producers/csv_tables.py", "table.import_excel"), ("producers/spreadsheet_packages.py", "table.import_csv"),
    ("services/status.py", "ledger.status"), ("services/tables.py", "inbox.acknowledge"),
}  # fmt: skip
"""Where an action is named by what knows no county, or is of the whole home: file, kind."""


def errors_below(kind: type[YizhanError]) -> Iterator[type[YizhanError]]:
    """Yield every subclass."""
    for each in kind.__subclasses__():
        yield each
        yield from errors_below(each)


def modules() -> Iterator[str]:
    """Name every module of the project."""
    for found in pkgutil.walk_packages(yizhan.__path__, "yizhan."):
        if not found.name.endswith("__main__"):
            yield found.name


def kinds_of(source: str) -> Iterator[str]:
    """Yield the kinds of ``Action.to("kind", …)`` in a source."""
    for node in nodes(source):
        if is_action(node):
            for each in ast.walk(node.args[0]):
                if isinstance(each, ast.Constant):
                    yield str(each.value)


def test_no_two_errors_have_the_same_code() -> None:
    """A program tells failures apart by their codes."""
    for name in modules():
        importlib.import_module(name)
    classes: dict[str, type[YizhanError]] = {}
    for each in errors_below(YizhanError):
        assert classes.setdefault(each.code, each) is each, (each, classes[each.code])
    assert "not_found" in classes


def test_every_action_has_a_command_and_they_are_sorted() -> None:
    """What a service says can be done, the command line prints; the table is in alphabetical order."""
    used = {kind for _name, source in sources(*FOLDERS) for kind in kinds_of(source)}
    assert len(used) > len(COMMANDS) // 2
    assert used - COMMANDS.keys() == set()
    assert list(COMMANDS) == sorted(COMMANDS)


def all_nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of every source of the project but the table itself, each with folder and file."""
    for name, text in sources(*FOLDERS):
        if not name.endswith("services/commands.py"):
            for node in nodes(text):
                yield "/".join(name.split("/")[-2:]), node


def test_each_kind_is_named_by_somebody() -> None:
    """A kind that no module names is a command that is never offered: it does not stand in the table."""
    named = {node.value for _file, node in all_nodes() if isinstance(node, ast.Constant)}
    assert set(COMMANDS) - named == set()


def test_an_action_names_the_county_where_it_is_known() -> None:
    """In a home of several counties an offered command without ``--county`` is refused; few places know none."""
    bare = {
        (file, ast.literal_eval(node.args[0]))
        for file, node in all_nodes()
        if is_action(node)
        if "{county}" in COMMANDS.get(getattr(node.args[0], "value", ""), "")
        if "county" not in {each.arg for each in node.keywords}
    }
    assert bare == UNKNOWN_COUNTY
