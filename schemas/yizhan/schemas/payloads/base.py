"""What every payload model is made of: text, instants, codes, and how values are checked.

Rule 1: senders are strict: unknown fields, wrong types, NaN, control characters are refused.
Rule 2: one thing has one spelling in the bytes: instants in UTC, codes by their full name.
Rule 3: what bears a mark of state secrecy is refused by name, wherever it stands.
Rule 4: titles and choices are Chinese, marked for translation; names in JSON are English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, ClassVar, Final, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from yizhan.schemas import codes
from yizhan.schemas.header import ContractModel
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.invisible import first_refused
from yizhan.schemas.timestamps import FIRST_YEAR, LAST_YEAR, written

STATE_SECRETS: Final = ("绝密", "机密", "秘密")
"""Levels of 保守国家秘密法 art. 14: none of them may enter this system."""

REFUSED_SECRET: Final = marked(
    "国家秘密（{level}）不得录入本系统：本系统只传公开、内部和工作秘密信息，请改用规定的涉密渠道"
)

_SECRET_MARK = re.compile("(绝密|机密|秘密)\\s*[★☆]")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def refuse_secret(text: str) -> str:
    """Return ``text`` if it carries no mark of state secrecy such as ``机密★10年``.

    Raises:
        ValueError: it carries one; the sentence names the level and what to do.
    """
    if found := _SECRET_MARK.search(text):
        raise ValueError(_(REFUSED_SECRET).format(level=found[1]))
    return text


def _clean(text: str) -> str:
    if not text.strip():
        raise ValueError(_("应有文字；没有就不要写这一项"))
    if found := first_refused(text):
        raise ValueError(_("有看不见的控制字符 {code}，请删去").format(code=f"U+{ord(found):04X}"))
    return refuse_secret(text)


def moment(text: str) -> str:
    """Spell an RFC 3339 instant of any zone as the contract does: UTC, milliseconds, ``Z``.

    Raises:
        ValueError: no such instant, or no zone.

    >>> moment("2026-11-23T16:05:00+08:00")
    '2026-11-23T08:05:00.000Z'
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(_("应为带时区的时间，如 2026-11-23T16:05:00+08:00"))
    try:
        spelled = written(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        raise ValueError(_("没有这个时间，如 2026-11-23T16:05:00+08:00 才是")) from None
    _check_year(int(spelled[:4]))
    return spelled


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(_("年份应为 {first} 至 {last}").format(first=FIRST_YEAR, last=LAST_YEAR))


def _day(text: str) -> str:
    try:
        year = date.fromisoformat(text).year
    except ValueError:
        raise ValueError(_("没有这一天，如 2026-11-23 才是")) from None
    _check_year(year)
    return text


Line = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_clean)]
"""A name or number: one short line."""
Text = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_clean)]
"""What a person wrote, at most 4,000 characters."""
Moment = Annotated[
    str,
    Field(max_length=40),
    AfterValidator(moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T16:05:00+08:00"]}),
]
"""An instant with its zone; kept in UTC."""
Day = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-11-23"]}),
]
"""A day where the alliance is."""
People = Annotated[int, Field(ge=0, le=10_000_000)]
"""A count of people or things; 0 is an answer."""
Amount = Annotated[float, Field(ge=0, le=1e12)]
"""A measured quantity that cannot be negative; the unit stands in the field's name."""

_Item = TypeVar("_Item")


def _unlike(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if len({str(item) for item in items}) != len(items):
        raise ValueError(_("有一项重复，写一次即可"))
    return items


Some = Annotated[tuple[_Item, ...], Field(min_length=1, max_length=200)]
"""A list that is left out when it is empty."""
SomeUnlike = Annotated[tuple[_Item, ...], Field(min_length=1, max_length=200), AfterValidator(_unlike)]
"""As ``Some``, each item once."""


def code_list(name: str) -> AfterValidator:
    """Check a value against a dated code list and spell it as the list does.

    >>> codes.CODES["charges"].find("345①").name
    '盗伐林木'
    """

    def find(value: str) -> str:
        entry = codes.CODES[name].find(value)
        if entry is None:
            raise ValueError(codes.CODES[name].refusal())
        return entry.value

    return AfterValidator(find)


def code_schema(name: str) -> WithJsonSchema:
    """Describe a code list to integrators: its values, source and date."""
    listed = codes.CODES[name]
    return WithJsonSchema(
        {
            "type": "string",
            "enum": [entry.value for entry in listed.entries],
            "description": f"{listed.source} ({listed.date})",
        }
    )


Charge = Annotated[str, code_list("charges"), code_schema("charges")]
"""罪名, by its official name, a short form or its article (``345①``)."""
DisasterClass = Annotated[str, code_list("disaster_classes"), code_schema("disaster_classes")]
"""Six digits of GB/T 28921-2012; the Chinese name is understood and becomes the code."""
Protection = Annotated[str, code_list("protections"), code_schema("protections")]
"""Level of protection of a species."""


class Payload(ContractModel):
    """Base of every payload."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        serialize_by_alias=True,
        use_attribute_docstrings=False,
    )

    answers_others: ClassVar[bool] = False
    """Whether it is an answer by its nature: an interim word (``update``) or the answer itself (``final``)."""

    may_need: ClassVar[tuple[str, ...]] = ()
    """Fields that some reports of this type must have: a form says so before its first question."""

    after_first: ClassVar[tuple[str, ...]] = ()
    """Optional fields that an update and a final report of this type must have: a form asks for them then."""

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Yield (field, message) for what does not agree with the header's ``stage`` and ``grade``."""
        del stage, grade
        return ()

    def for_header(self) -> Mapping[str, str]:
        """Return what the header says for the station, which cannot open this.

        ``wants``, ``period``, ``expires``: closed words, figures and instants only; a desk fills them in from here,
        so that nobody is asked for them.
        """
        return {}
