"""The check of a bulletin in words and as JSON."""

from __future__ import annotations

from typing import Any, Final

from yizhan.bulletin.agreement import FigureComparison
from yizhan.cli.output import print_table, tell
from yizhan.schemas.i18n import _, marked
from yizhan.services.bulletins import BulletinCheck
from yizhan.services.home import Home
from yizhan.services.labels import COMPARISONS

_VERDICTS: Final = {
    "same": marked("双方一致。"),
    "differs": marked("双方不一致：请对照上面不同的各项，与对方联系查明。"),
    "waiting": marked("还不能核对：双方都签发（yizhan bulletin make --office，再 yizhan publish）并送达后再运行。"),
}
_SHA256_DIGITS: Final = 64


def check_json(check: BulletinCheck) -> dict[str, Any]:
    """Return a check for programs."""
    return {
        "label": check.key.label,
        "county": check.key.county,
        "partner": check.key.partner,
        "verdict": check.verdict,
        "ours": None if check.ours is None else check.ours.id,
        "theirs": None if check.theirs is None else check.theirs.id,
        "items": check.items,
    }


def print_check(home: Home, check: BulletinCheck) -> None:
    """Print what each side signed, every item, and the verdict."""
    for sentence, each in ((_("本县签发：{what}"), check.ours), (_("对方签发：{what}"), check.theirs)):
        tell(sentence.format(what=_("还没有") if each is None else f"{each.id} {home.local_time(each.time)}"))
    columns = [_("项目"), _("结果"), _("本县现在统计"), _("本县签发"), _("对方签发")]
    rows = [
        (_title(home, each), _(COMPARISONS[each.word]), *map(_short, (each.counted, each.ours, each.theirs)))
        for each in check.items
    ]
    print_table(columns, rows, "")
    tell(_(_VERDICTS[check.verdict]))


def _title(home: Home, item: FigureComparison) -> str:
    kind, _dot, rest = item.item.partition(".")
    if kind == "directions":
        source, to = rest.split(">")
        return f"{home.member_name(source)}→{home.member_name(to)}"
    return _("{county}的清单").format(county=home.member_name(rest)) if kind == "manifests" else item.title


def _short(value: str) -> str:
    """Shorten hashes: enough of them is shown to see that they differ."""
    return " ".join(f"{word[:12]}…" if len(word) == _SHA256_DIGITS else word for word in value.split())
