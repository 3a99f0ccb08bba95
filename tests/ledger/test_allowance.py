"""A member that floods its topic takes nothing from the others."""

from __future__ import annotations

from yizhan.ledger.rate_limit import MOST, WHILE_SECONDS, Allowance


def test_each_topic_has_its_own() -> None:
    """What is beyond it is passed over until the while is over; others are heard meanwhile."""
    now = [100.0]
    allowance = Allowance(lambda: now[0])
    assert sum(allowance.takes("loud") for _ in range(10 * MOST)) == MOST
    assert allowance.takes("quiet")
    now[0] += WHILE_SECONDS - 1
    assert not allowance.takes("loud")
    now[0] += 1
    assert allowance.takes("loud")
