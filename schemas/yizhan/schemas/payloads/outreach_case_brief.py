"""``outreach.case_brief`` 以案释法 (联宣): a case told so that everybody may read it.

Rule 1: no identities: there is no field for one, and numbers of identity cards and telephones are refused in
        the text. Names are the author's care, and the reviewer's.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Some, Text
from yizhan.schemas.payloads.common import Signed

_IDENTITY: Final = re.compile(r"(?<![0-9])(?:[1-9][0-9]{16}[0-9Xx]|1[3-9][0-9]{9})(?![0-9])")


def _anonymous(text: str) -> str:
    if found := _IDENTITY.search(text):
        raise ValueError(_("公开的案例不得有身份证号、手机号（{number}…），请删去").format(number=found[0][:4]))
    return text


Anonymous = Annotated[Text, AfterValidator(_anonymous)]
"""Text without numbers that lead to a person."""


class OutreachCaseBrief(Signed):
    """A typical case for the public."""

    title: Line = Field(title=marked("标题"))
    summary: Anonymous = Field(title=marked("简要情况"))
    facts: Anonymous = Field(title=marked("案情（已隐去身份）"))
    law: Some[Line] = Field(title=marked("适用法律"))
    lesson: Anonymous = Field(title=marked("警示"))
    approved_for_publication: bool = Field(title=marked("已批准公开"))
