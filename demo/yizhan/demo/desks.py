"""The desks of the demonstration: two counties' pages, with made-up accounts, while the day is played.

Rule 1: an account is made as a real one is; what stands for the authenticator's digits are one-time codes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from yizhan.demo.scenario import QINGYUAN, SHOUNING
from yizhan.demo.stage import Stage, wait_for
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD, SampleAccount, add_sample_accounts
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.accounts.words import role_names
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _

COUNTIES: Final = (SHOUNING, QINGYUAN)
_SHOWN: Final = (Role.DUTY, Role.LIAISON, Role.ANALYST, Role.LEADER, Role.AUDITOR, Role.SECURITY)
_ADDRESS: Final = re.compile(r"http://[0-9.]+:[0-9]+")


@dataclass(frozen=True, slots=True)
class OpenDesk:
    """One county's desk: its address, and who may sign in."""

    county: str
    address: str
    people: dict[Role, SampleAccount]


def open_desks(stage: Stage) -> list[OpenDesk]:
    """Start the desks of the two counties, and wait until each answers."""
    people = {}
    for county in COUNTIES:
        with AccountStore(stage.home / "counties" / county / ACCOUNTS_FILE) as accounts:
            people[county] = add_sample_accounts(accounts, utc_now())
        stage.supervisor.start(f"desk-{county}", stage.command("desk", "run", "--county", county, "--port", "0"))
    return [OpenDesk(county, _address(stage, county), people[county]) for county in COUNTIES]


def _address(stage: Stage, county: str) -> str:
    log = stage.home / "logs" / f"desk-{county}.log"
    what = _("{name} 就绪，见 logs/{name}.log").format(name=f"desk-{county}")
    return wait_for(what, partial(_address_in, log))


def _address_in(log: Path) -> str | None:
    found = _ADDRESS.search(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else None
    return None if found is None else found[0]


def desk_lines(desks: list[OpenDesk]) -> list[str]:
    """Say where the desks are, and with what somebody signs in."""
    lines = [_("值班台（口令都是 {password}；动态码写一次性码，一个只能用一次）：").format(password=PASSWORD)]
    for desk in desks:
        lines.append(f"  {desk.county}  {desk.address}")
        for role in _SHOWN:
            person = desk.people[role]
            codes = " ".join(person.codes[:3])
            lines.append(
                _("    警号 {badge} {name}（{role}）一次性码 {codes}").format(
                    badge=person.badge, name=person.name, role=role_names([role]), codes=codes
                )
            )
    return lines
