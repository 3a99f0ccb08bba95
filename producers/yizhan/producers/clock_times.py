"""Days and clock times as people in China write them.

Rule 1: a day and an hour are both required; a year is never guessed. Only who asks about the past puts a day before an
        hour that stands alone (``with_day``).
Rule 2: the word before an hour decides between the two halves of the day; if the two contradict each other, or midnight
        could belong to two days (晚上12点), it is no time.
Rule 3: a time without a zone is Beijing time; one that cannot be expressed in UTC is no time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Times without a zone are China's."""
_NUMERALS: Final = {each: n for n, each in enumerate("〇一二三四五六七八九")} | {"零": 0, "○": 0, "两": 2}
_NUMERAL: Final = "〇零○一二三四五六七八九十两"
_FULL_WIDTH: Final = str.maketrans(
    "０１２３４５６７８９．－／：，Ｔ（）\u3000\u00a0\u2236\ufe55", "0123456789.-/:,T()  ::"
)
_DAY: Final = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<dot>[-/.])(?P<month>[0-9]{1,2})(?P=dot)(?P<day>[0-9]{1,2})"
    r"|年(?P<month2>[0-9]{1,2})月(?P<day2>[0-9]{1,2})[日号]|(?P<month3>[0-9]{2})(?P<day3>[0-9]{2}))"
    r"(?:[(]?(?:星期|周|礼拜)[一二三四五六日天][)]?)?[,T]?"
)
_HOUR: Final = re.compile(
    r"(?P<part>凌晨|清晨|早晨|早上|早|上午|中午|正午|下午|午后|傍晚|晚上|晚间|晚|夜里|夜间|夜|[AaPp][Mm])?"
    r"(?:(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,6})?)?"
    r"|[时点](?P<sharp>整|正)?(?:(?P<minute2>[0-9]{1,2})分?|(?P<word>半|一刻|三刻))?(?:(?P<second2>[0-9]{1,2})秒)?)"
    r"|(?P<hour3>[0-9]{2})(?P<minute3>[0-9]{2}))"
    r"(?P<after>[AaPp][Mm])?(?:许|左右|前后)?"
)
_WORDS: Final = {"半": 30, "一刻": 15, "三刻": 45}
_HOURS: Final[dict[str, tuple[range, range]]] = {
    "凌晨": (range(7), range(0)), "清晨": (range(4, 9), range(0)), "早": (range(4, 12), range(0)),
    "上午": (range(5, 13), range(0)), "am": (range(12), range(0)), "中": (range(11, 15), range(1, 3)),
    "下午": (range(12, 20), range(1, 8)), "午后": (range(12, 20), range(1, 8)), "傍晚": (range(16, 21), range(4, 9)),
    "晚": (range(17, 24), range(5, 12)), "夜": (range(18, 24), range(6, 12)), "pm": (range(12, 24), range(1, 12)),
}  # fmt: skip
"""Word → hours that stay as they are, and hours to which twelve is added."""


def clock_time(text: str) -> datetime:
    """Read a day with an hour; a zone only as RFC 3339 has it.

    >>> clock_time("2026年11月29日下午3点半许").isoformat()
    '2026-11-29T15:30:00+08:00'

    Raises:
        ValueError: no such time, or one without a year, a day or an hour.
    """
    plain = text.translate(_FULL_WIDTH).strip()
    found = _iso(plain) or _spoken(plain)
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZONE)
    try:
        found.astimezone(UTC), found.astimezone(ZONE)
    except OverflowError:
        message = f"no instant in every zone: {text[:40]!r}"
        raise ValueError(message) from None
    return found


def with_day(text: str, now: datetime) -> str:
    """Put a day before an hour that stands alone: the last time that it was so late.

    >>> with_day("3点40", datetime(2026, 12, 1, 3, 50, tzinfo=ZONE))
    '2026-12-01 3点40'
    >>> with_day("23:40", datetime(2026, 12, 1, 3, 50, tzinfo=ZONE))
    '2026-11-30 23:40'
    """
    today = now.astimezone(ZONE).date()
    for day in (today, today - timedelta(days=1)) if re.search("[:：点时]", text) else ():
        try:
            if clock_time(f"{day} {text}") <= now:
                return f"{day} {text}"
        except ValueError:
            break
    return text


def calendar_day(text: str) -> date:
    """Read a day without an hour.

    >>> calendar_day("2026年12月5日").isoformat()
    '2026-12-05'

    Raises:
        ValueError: no such day, one without a year, or one with an hour.
    """
    plain = text.translate(_FULL_WIDTH).strip()
    found = _DAY.fullmatch(_figures(re.sub(r"\s*([年月日号])\s*", r"\1", plain)))
    if found is None:
        message = f"no day: {plain[:40]!r}"
        raise ValueError(message)
    return date(int(found["year"]), *_month_and_day(found))


def _month_and_day(found: re.Match[str]) -> tuple[int, int]:
    month, number = (found[name] or found[f"{name}2"] or found[f"{name}3"] for name in ("month", "day"))
    return int(month), int(number)


def _iso(plain: str) -> datetime | None:
    try:
        return datetime.fromisoformat(plain) if ":" in plain else None
    except ValueError:
        return None


def _spoken(plain: str) -> datetime:
    figures = _figures(re.sub(r"\s*([年月日号时点分秒])\s*", r"\1", plain))
    day = _DAY.match(figures)
    hour = None if day is None else _HOUR.fullmatch("".join(figures[day.end() :].split()))
    if day is None or hour is None:
        message = f"no day and hour: {plain[:40]!r}"
        raise ValueError(message)
    month, number = _month_and_day(day)
    hours = _hours(hour)
    minutes = _WORDS.get(hour["word"] or "") or int(hour["minute"] or hour["minute2"] or hour["minute3"] or 0)
    seconds = int(hour["second"] or hour["second2"] or 0)
    if hours == 24 and not minutes and not seconds:  # noqa: PLR2004 -- as midnight at a day's end is written
        return datetime(int(day["year"]), month, number) + timedelta(days=1)  # noqa: DTZ001 -- given above
    return datetime(int(day["year"]), month, number, hours, minutes, seconds)  # noqa: DTZ001 -- given above


def _hours(hour: re.Match[str]) -> int:
    part_of_day, written = (hour["part"] or hour["after"] or "").casefold(), int(hour["hour"] or hour["hour3"])
    if not part_of_day:
        return written
    key = next(
        each for each in _HOURS if part_of_day.startswith(each) or (each == "中" and part_of_day in {"中午", "正午"})
    )
    as_it_stands, add_twelve = _HOURS[key]
    if key in {"凌晨", "am"} and written == 12:  # noqa: PLR2004 -- midnight, as a clock of twelve hours shows it
        return 0
    if written in add_twelve and written not in as_it_stands:
        return written + 12
    if written not in as_it_stands:
        message = f"no such hour: {hour[0]!r}"
        raise ValueError(message)
    return written


def _figures(text: str) -> str:
    """Write Chinese numerals of days and hours as figures (二〇二六年十一月, 十五时, 三点半); 一刻 is a word."""
    return re.sub(rf"[{_NUMERAL}]+(?=[年月日号时点分秒])", lambda match: _figure(match[0]), text)


def _figure(word: str) -> str:
    if "十" not in word:
        return "".join(str(_NUMERALS[each]) for each in word)
    tens, _ten, ones = word.partition("十")
    if len(tens) > 1 or len(ones) > 1 or ones == "十":  # no number is written so: it stays as it stands
        return word
    return str(10 * (_NUMERALS[tens] if tens else 1) + (_NUMERALS[ones] if ones else 0))
