"""A member that floods its topic takes nothing from the others."""

from __future__ import annotations

from yizhan.ledger.rate_limit import MOST, WHILE_SECONDS, RateLimit


def test_each_topic_has_its_own() -> None:
    """What is beyond it is passed over until the while is over; others are heard meanwhile."""
    now = [100.0]
    rate_limit = RateLimit(lambda: now[0])
    assert sum(rate_limit.allows("loud") for _ in range(10 * MOST)) == MOST
    assert rate_limit.allows("quiet")
    now[0] += WHILE_SECONDS - 1
    assert not rate_limit.allows("loud")
    now[0] += 1
    assert rate_limit.allows("loud")
