"""Rights are asked for aloud: silence must not look like peace."""

from __future__ import annotations

from typing import Any

import pytest

from yizhan.runtime.acl_check import require_access
from yizhan.runtime.errors import NotAuthorised

NAME = "yizhan.alerts.350924"


def described(code: int = 0, *operations: str) -> list[dict[str, Any]]:
    """Return what a broker tells about the topic."""
    return [{"name": NAME, "error_code": code, "authorized_operations": list(operations)}]


def test_the_right_operation_is_enough() -> None:
    """READ suffices to read a topic, WRITE to write to it."""
    require_access(described(0, "READ", "DESCRIBE"), "county-350924", read=[NAME])
    require_access(described(0, "WRITE", "DESCRIBE"), "station", write=[NAME])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (described(0, "DESCRIBE", "WRITE"), "READ 权限"),
        (described(29), "READ 权限"),
        (described(3), "Kafka 上没有主题"),
        ([], "Kafka 上没有主题"),
    ],
)
def test_everything_else_is_told(answer: list[dict[str, Any]], said: str) -> None:
    """Another operation, no rights, no topic: each by its name and what to do."""
    with pytest.raises(NotAuthorised, match=rf"(?=.*{NAME}).*{said}"):
        require_access(answer, "county-331126", read=[NAME])
