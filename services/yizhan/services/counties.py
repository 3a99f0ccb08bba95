"""Which county is meant: by its code, by its name, or by the home where nobody says.

Rule 1: six digits are a code as they stand; whether it is a member's is asked where that matters.
Rule 2: a name must mean one member; otherwise the members are listed, the nearest first.
Rule 3: without a word the county is the one of the setting ``county``, else the only one whose keys are in the home.
"""

from __future__ import annotations

import re
from typing import Final

from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.names import codes_named, nearest, plain
from yizhan.services.errors import ServiceError, UnknownMember
from yizhan.services.home import Home

_CODE: Final = re.compile("[0-9]{6}")


class CountyNotGiven(ServiceError):
    """Nobody said which county is meant, and the home does not tell."""


def find_county(home: Home, text: str) -> str:
    """Return the code of the county that a person means by a code or a name.

    Raises:
        UnknownMember: no member is called so, or several are; or the home has no charter to look in.
    """
    wanted = plain(text)
    if _CODE.fullmatch(wanted):
        return wanted
    try:
        # Not the home's own reader: a command may still choose another charter.
        members = home.reader(home.charter_folder).latest().members
    except YizhanError:
        raise UnknownMember(marked("应为六位数字代码，如 350924，得到 {value}"), value=text) from None
    names = {code: (member.name.zh, member.name.en) for code, member in members.items()}
    found = codes_named(wanted, names)
    if len(found) == 1:
        return found[0]
    shown = {code: f"{code} {home.localized(member.name)}" for code, member in sorted(members.items())}
    if found:
        sentence = marked("{value} 不只一个县：{members}；请写全名或六位数字代码")
        raise UnknownMember(sentence, value=text, members=join_list(shown[code] for code in found))
    if near := nearest(wanted, names):
        sentence = marked("没有成员县 {value}，是 {near} 吗？成员是：{members}")
        near_names = join_list(shown[code] for code in near)
        raise UnknownMember(sentence, value=text, near=near_names, members=join_list(shown.values()))
    sentence = marked("应为六位数字代码或成员县的名称，得到 {value}；成员是：{members}")
    raise UnknownMember(sentence, value=text, members=join_list(shown.values()))


def default_county(home: Home) -> str:
    """Return the county of a home (rule 3).

    Raises:
        CountyNotGiven: the home has the keys of none, or of several.
        SettingError: ``yizhan.toml`` cannot be used.
        UnknownMember: the setting names no member.
    """
    if home.settings.county is not None:
        return find_county(home, home.settings.county)
    found = sorted({path.parent.parent.name for path in home.path.glob("counties/*/keys/sign-*.pem")})
    if len(found) == 1:
        return found[0]
    if found:
        sentence = marked("这个主目录里有 {counties} 的密钥，可在 yizhan.toml 里用 county 定下一个")
        raise CountyNotGiven(sentence, counties=join_list(found))
    raise CountyNotGiven(marked("这个主目录里没有哪个县的密钥"))
