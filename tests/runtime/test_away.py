"""What is said of a broker that does not answer."""

from __future__ import annotations

import pytest

from yizhan.runtime.outage_log import AGAIN_SECONDS, GRACE_SECONDS, OutageLog


def test_a_broker_that_is_away_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """One sentence after a moment, one a minute, one when it is back; a stumble is no news."""
    now = [0.0]
    away = OutageLog("350924", "127.0.0.1:1", lambda: now[0])
    said = []
    end = 2 + GRACE_SECONDS + AGAIN_SECONDS
    for now[0] in (0, 1, 2, 2 + GRACE_SECONDS - 0.1, 2 + GRACE_SECONDS, 2 + GRACE_SECONDS + 1, end - 1, end):
        said.append(away.observe(answers=now[0] == 1))
    assert said == [False, False, False, False, True, False, False, True]
    assert len(caplog.messages) == 2
    assert away.known
    assert "127.0.0.1:1" in caplog.text
    assert away.observe(answers=True)
    assert not away.observe(answers=True)
    assert not away.known
