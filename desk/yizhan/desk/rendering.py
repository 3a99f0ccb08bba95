"""Templates: Jinja2 with autoescape, and the filters that every page uses.

Rule 1: what a partner or an officer wrote is text, never markup; characters that nobody sees are spelled out.
Rule 2: times are shown in the alliance's time zone, codes in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from yizhan.consumers.bell.labels import rung_name
from yizhan.desk.audit_filters import audit_filters
from yizhan.desk.bulletin_filters import BULLETIN_FILTERS
from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import escaped
from yizhan.services.event_text import STEPS
from yizhan.services.home import Home
from yizhan.services.labels import DRAFT_STATES, arrival, stage_name, type_name, way_name

STATIC: Final = Path(str(files("yizhan.desk") / "static"))


def make_templates(home: Callable[[], Home]) -> Environment:
    """Return the environment of the templates; ``home`` returns the home as it is now."""
    environment = Environment(
        loader=PackageLoader("yizhan.desk"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"_": _, "static": static_url}
    environment.filters |= {
        "plain": plain,
        "county": lambda code: home().member_name(code),
        "county_name": lambda code: home().member_name(code).partition(" ")[2] or code,
        "moment": lambda at: home().local_time(at),
        "clock": lambda at: home().local_time(at)[11:],
        "hour": lambda at: home().local_time(at)[11:16],
        "day": lambda at: home().local_time(at)[:10],
        "iso": lambda at: instant_of(at).isoformat(),
        "stage": stage_name,
        "rung": rung_name,
        "way": way_name,
        "type_name": type_name,
        "progress": lambda step: _(STEPS[step]),
        "arrival": arrival,
        "draft_state": lambda state: _(DRAFT_STATES[state]),
    }
    environment.filters |= {**BULLETIN_FILTERS, **audit_filters(home)}
    environment.tests["prefix_of"] = lambda path, whole: whole.startswith(path)
    return environment


def plain(text: object) -> str:
    """Return a text with every character visible; line feeds stay."""
    return "\n".join(escaped(line) for line in str(text).split("\n"))


def instant_of(at: datetime | str) -> datetime:
    """Return an instant, written or not."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at


@cache
def static_url(name: str) -> str:
    """Return the address of a file of ``static/``, which changes with its content: browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
