"""A file can be read in one sitting, a function on one screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.house.tree import FOLDERS, nodes, sources

MOST_LINES: Final = 400
MOST_LINES_OF_A_FUNCTION: Final = 60
SOURCES: Final = sources(*FOLDERS, "bench", "tests")


def long_functions(text: str) -> Iterator[tuple[str, int]]:
    """Yield the functions that are too long: name, lines."""
    for node in nodes(text):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield node.name, lines


def test_no_file_is_too_long() -> None:
    """No file of ours has more than 400 lines."""
    long = {name: count for name, text in SOURCES if (count := text.count("\n")) > MOST_LINES}
    assert long == {}


def test_no_function_is_too_long() -> None:
    """No function of ours has more than 60 lines, signature and docstring included."""
    assert [(name, *each) for name, text in SOURCES for each in long_functions(text)] == []


@pytest.mark.parametrize("lines", [MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_FUNCTION + 1])
def test_a_long_function_is_found(lines: int) -> None:
    """One line more than allowed is noticed."""
    text = "\n".join(["def f():", *["    pass"] * (lines - 1)])
    assert list(long_functions(text)) == ([("f", lines)] if lines > MOST_LINES_OF_A_FUNCTION else [])
