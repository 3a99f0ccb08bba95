"""Says loudly that a county receives nothing, wherever somebody looks at what arrived or would ring."""

from __future__ import annotations

from yizhan.cli.actions import with_action
from yizhan.cli.output import say
from yizhan.schemas.i18n import _
from yizhan.services.home import Home
from yizhan.services.processes import receiving_stopped


def say_if_not_receiving(home: Home, county: str) -> None:
    """Say it where the county's inbox has run in this home and does not run now."""
    if (start := receiving_stopped(home, county)) is not None:
        sentence = _("！！{county}没有在接收（yizhan inbox run 没有运行）：新到的这里没有，报警不响")
        say(with_action(sentence.format(county=home.member_name(county)), start))
