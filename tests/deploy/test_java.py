"""What is known of a Java does not depend on the variables that it is given."""

from __future__ import annotations

import pytest

from yizhan.deploy.java import java


def test_options_of_the_environment_do_not_make_another_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the quick compiler, or options that it reports, it is the same: one archive of classes is enough."""
    monkeypatch.delenv("JDK_JAVA_OPTIONS", raising=False)
    plain = java()
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xint")
    assert java() == plain
    assert plain.release.count("\n") == 1
