"""Who owes whom what of a period: each pair of the charter, and the names of these obligations."""

from __future__ import annotations

from collections.abc import Iterator

from yizhan.schemas.charter import Charter
from yizhan.schemas.obligation_rules import ObligationRule


def pairs(rule: ObligationRule, charter: Charter) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield who owes and who is owed, by a rule that a period opens."""
    for pair in charter.alliance.pairs:
        one, other = sorted(pair)
        if rule.owes == "pair":
            yield (one, other), ()
        else:
            yield (one,), (other,)
            yield (other,), (one,)


def period_name(rule: ObligationRule, label: str, owes: tuple[str, ...], owed: tuple[str, ...]) -> str:
    """Return the name of an obligation of a period."""
    name = f"{rule.id}/{label}/{'-'.join(sorted({*owes, *owed}))}"
    return name if rule.owes == "pair" else f"{name}/{owes[0]}"
