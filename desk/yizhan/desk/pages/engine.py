"""The equipment: whether all is well, what helps where it is not, and every part in figures. No secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from yizhan.desk.accounts.model import Role
from yizhan.desk.engine_rows import (
    channel_rows,
    charter_rows,
    key_rows,
    lane_rows,
    machine_rows,
    process_rows,
    queue_rows,
)
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _
from yizhan.services.commands import command_of
from yizhan.services.equipment import county_equipment
from yizhan.services.status import home_status
from yizhan.services.status_found import Problem

LOOKERS: Final = frozenset({Role.SYSTEM, Role.DUTY, Role.LIAISON, Role.LEADER})


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """What needs a person: where the desk does it a link (words, address), else the command of the command line."""

    sentence: str
    link: tuple[str, str] | None
    command: str | None


def engine(ask: Ask) -> Response:
    """Show how everything stands now."""
    return ask.page("engine.html", **_found(ask))


def engine_now(ask: Ask) -> Response:
    """Show the same without the frame, for a page that is open."""
    return ask.page("engine_now.html", **_found(ask))


def _found(ask: Ask) -> dict[str, Any]:
    home, county, now = ask.desk.home, ask.desk.county, utc_now()
    status = home_status(home, county, now)
    equipment = county_equipment(home, county, now)
    tables = (
        (_("程序"), process_rows(status)),
        (_("来件的顺序号"), lane_rows(ask, equipment)),
        (_("排队的"), queue_rows(ask, status, equipment)),
        (_("响铃通道"), channel_rows(ask)),
        (_("密钥"), key_rows(equipment, now)),
        (_("章程"), charter_rows(ask, equipment, now)),
        (_("机器"), machine_rows(status, equipment)),
    )
    return {"problems": [_problem(ask, each) for each in status.problems], "tables": tables, "now": now}


def _problem(ask: Ask, each: Problem) -> ProblemRow:
    link = ask.link(each.action)
    reachable = link is not None and _may_open(ask, link[1])
    command = None if each.action is None or reachable else command_of(each.action)
    return ProblemRow(str(each.sentence), link if reachable else None, command)


def _may_open(ask: Ask, address: str) -> bool:
    """Tell whether whoever looks may open the page of a list; a system administrator sees no content."""
    roles = ask.desk.allowed.get("/" + address.split("?", maxsplit=1)[0].split("/")[1])
    return roles is None or bool(roles & ask.account.roles)


PAGES = (Page("/engine", engine, LOOKERS), Page("/engine/now", engine_now, LOOKERS, unattended=True))
