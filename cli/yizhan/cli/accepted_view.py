"""What the outbox accepted, in words or as JSON."""

from __future__ import annotations

from yizhan.cli.output import print_json, tell
from yizhan.producers.numbering import Accepted
from yizhan.services.home import Home
from yizhan.services.outbox import accepted_json, accepted_lines


def show_accepted(home: Home, sent: Accepted, *, as_json: bool) -> None:
    """Print what was accepted."""
    if as_json:
        print_json(accepted_json(sent))
    else:
        tell("\n".join(accepted_lines(home, sent)))
