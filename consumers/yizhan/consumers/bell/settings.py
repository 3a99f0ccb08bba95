"""``bell.toml``: a county's channels, their order for each rung, and the quiet hours.

Rule 1: an address is a secret: only the owner may read the file, and no message, log or JSON repeats one.
Rule 2: an unusable entry stops the program and is named; nothing is guessed.
Rule 3: a channel carries no more than the file allows; the default is ``kind``.
Rule 4: the charter says who is on which rung; the file only says how each is reached.
"""

from __future__ import annotations

import re
import stat
import tomllib
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from yizhan.runtime.errors import SettingError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.obligation_steps import Rung
from yizhan.schemas.sentences import expected, os_error

FILE: Final = "bell.toml"
Tells = Literal["kind", "grade", "summary"]
"""What a channel may carry: the kind and its sender; its id and grade too; the summary too."""
_LINE: Final = re.compile(r"at line ([0-9]+)")
_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Channel(_Part):
    """One way to reach a person: an address of Apprise's, a command of this machine (no shell), or the web desk."""

    url: SecretStr | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    console: bool = False
    """Default false. True: the open pages of the web desk, of which one has to confirm that it shows and sounds."""
    tells: Tells = "kind"
    """Default kind: what may be sent. With more, a third party's server stores what a partner sealed."""
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    """Default 10. Too short: a slow gateway counts as dead; too long: the next channel waits."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [self.url is not None, self.command is not None, self.console].count(True) != 1:
            raise ValueError(_("url、command、console 应恰有一个"))
        return self


class BellSettings(_Part):
    """Everything in ``bell.toml``."""

    quiet_hours: str = "22:00-07:00"
    """Default 22:00-07:00, in the alliance's time; empty for none. Alarms know none."""
    group_seconds: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """Default 600: notices of so long go into one message. Alarms and reminders never wait for others."""
    notices: Literal["duty", "second", "liaison", "leader", "nobody"] = "duty"
    """Default duty: the rung that hears of notices."""
    oldest_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 72.0
    """Default 72: older events do not ring. Long: a lost inbox that is read again rings for the past; short: what
    came while this machine was off is only on the screen.
    """
    again_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Default 60: when what no channel carried is tried again; the pause doubles, up to an hour."""
    stopped_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Default 60: the inbox, or the outbox while urgent events wait, rings people when it has not worked for so long.
    Short: a slow start wakes somebody; long: alarms are missed meanwhile.
    """
    channels: Annotated[dict[_Name, Channel], Field(min_length=1)]
    rungs: Annotated[dict[Rung, Annotated[tuple[_Name, ...], Field(min_length=1)]], Field(min_length=1)]
    """Channels of each place on the charter's ladder, in the order of trying."""

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        try:
            if value:
                _first_last(value)
        except ValueError:
            raise ValueError(_("应为 22:00-07:00 这样的起止，或留空")) from None
        return value


def load(path: Path) -> BellSettings | None:
    """Read a county's ``bell.toml``; None if there is none: then only the screen rings.

    Raises:
        SettingError: others may read it, or an entry cannot be used; the message names the place only.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            sentence = marked("{path} 的权限是 {mode}，别人也能读；请运行 chmod 600 {path}")
            raise SettingError(sentence, path=path, mode=f"{mode:04o}")
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingError(f"{path}: {os_error(error)}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # The parser's message may contain a part of an address: only its line is shown.
        sentence = marked("{path} 第 {line} 行不是可读的 TOML；请改正")
        raise SettingError(sentence, path=path, line=_line_of(error, path)) from None
    try:
        settings = BellSettings.model_validate(given)
    except ValidationError as error:
        raise SettingError(_sentences(path, error)) from None
    for rung, names in settings.rungs.items():
        for name in names:
            if name not in settings.channels:
                sentence = marked("{path} 的 rungs.{rung} 里没有通道 {name}；已有的是：{known}")
                known = ", ".join(sorted(settings.channels))
                raise SettingError(sentence, path=path, rung=rung, name=name, known=known)
        if all(settings.channels[name].console for name in names):
            sentence = marked("{path} 的 rungs.{rung} 只有值班台网页：网页关了就没有人听到；请再加一个通道")
            raise SettingError(sentence, path=path, rung=rung)
    return settings


def _line_of(error: UnicodeDecodeError | tomllib.TOMLDecodeError, path: Path) -> int:
    """Return the number of the line where a file cannot be read any more; where the parser names none, its last."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.count(b"\n", 0, error.start) + 1
    line = _LINE.search(str(error))
    return int(line[1]) if line else max(1, len(path.read_bytes().splitlines()))


def _sentences(path: Path, error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        where = ".".join(str(each) for each in item["loc"] if each != "[key]")
        lines.append(_("{path} 里的 {name}").format(path=path, name=where) + f": {expected(item)}")
    return "\n".join(lines)


def _first_last(quiet_hours: str) -> tuple[time, time]:
    first, last = (time.fromisoformat(each) for each in quiet_hours.split("-"))
    if first.tzinfo or last.tzinfo:
        raise ValueError(quiet_hours)  # the alliance's time, not one of their own
    return first, last


def quiet_until(quiet_hours: str, zone: ZoneInfo, at: datetime) -> datetime:
    """Return the instant itself, or the end of the quiet hours that it falls in."""
    if not quiet_hours:
        return at
    first, last = _first_last(quiet_hours)
    local = at.astimezone(zone)
    now = local.time()
    inside = first <= now < last if first <= last else now >= first or now < last
    if not inside:
        return at
    day = local.date() + timedelta(days=1 if now >= last else 0)
    return datetime.combine(day, last, zone).astimezone(at.tzinfo)
