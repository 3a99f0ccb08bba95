"""What the terminal shows of the day: who sent what, how it arrived, by which rule, how fast.

Rule 1: nothing is shown that was not read back from a county's own books.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from yizhan.consumers.items import Item
from yizhan.producers.queries import Posting
from yizhan.schemas.charter import Charter
from yizhan.schemas.i18n import _, get_language, join_sentences, marked
from yizhan.schemas.policy_facts import Words
from yizhan.services.labels import WAYS, reason_name

_STYLES: Final = {"alarm": "bold white on red", "notice": "bold cyan", "digest": "green"}
_REFUSED: Final = "bold magenta"


class Account:
    """Writes the account line by line, as things happen."""

    def __init__(self, console: Console, charter: Charter) -> None:
        """Write to ``console``, with the charter's names and clauses."""
        self._console, self._charter = console, charter
        self._because = {route.id: route.because for route in charter.policy.routes}

    def name(self, county: str) -> str:
        """Return a member's name in the language chosen; its code if it is no member."""
        member = self._charter.members.get(county)
        return county if member is None else self.word(member.name)

    @staticmethod
    def word(words: Words) -> str:
        """Return one of two languages."""
        return words.zh if get_language() == "zh_CN" else words.en

    def section(self, title: str) -> None:
        """Begin a part of the day."""
        self._console.print()
        self._console.rule(Text(title, style="bold"), align="left")

    def line(self, text: str, style: str = "") -> None:
        """Say one plain sentence."""
        self._console.print(Text(text, style=style))

    def sent(self, county: str, sentence: str) -> None:
        """Say that a county sends something."""
        self._console.print(Text.assemble(("▶ ", "bold yellow"), (self.name(county), "bold"), "  ", sentence))

    def arrived(self, county: str, item: Item, milliseconds: float) -> None:
        """Say that it arrived at a partner's."""
        way = item.way.value
        self._console.print(
            Text.assemble(
                "   ", (f" {_(WAYS[way])} ", _STYLES[way]), " ", (self.name(county), "bold"),
                f"  {item.title}  ", (f"{milliseconds:.0f} ms", "bold"),
                ("  " + self._rule(item.rule), "dim"),
            )
        )  # fmt: skip

    def waits(self, posting: Posting) -> None:
        """Say that it waits for the quarter at the station."""
        way = posting.stamped_way or "digest"
        self._console.print(
            Text.assemble(
                "   ", (f" {_(WAYS[way])} ", _STYLES[way]), " ", (self.name(posting.recipient), "bold"),
                ("  " + self._rule(posting.stamped_rule or "-"), "dim"),
            )
        )  # fmt: skip

    def acknowledged(self, county: str, officer: str, badge: str, sender: str) -> None:
        """Say that an officer acknowledged, and the sender knows."""
        text = _("{county} {officer}（{badge}）已签收，{sender}已看到回执").format(
            county=self.name(county), officer=officer, badge=badge, sender=self.name(sender)
        )
        self._console.print(Text.assemble(("   ✔ ", "bold green"), text))

    def refused(self, sentence: str, named: str, detail: str) -> None:
        """Say that a hostile record was refused by name."""
        self._console.print(Text.assemble(("✘ ", _REFUSED), sentence, "  → ", (named, _REFUSED)))
        self._console.print(Text("   " + _("技术说明：{detail}").format(detail=detail), style="dim"))

    def _rule(self, rule: str) -> str:
        because = self._because.get(rule)
        return _("规则 {rule}：{because}").format(rule=rule, because="" if because is None else self.word(because))

    def summary(self, figures: Mapping[str, Any], problems: list[str]) -> None:
        """Close with the figures."""
        table = Table(show_header=False, box=None, padding=(0, 2))
        for key, title in FIGURES.items():
            table.add_row(_(title), _shown(figures[key]))
        self._console.print(table)
        for problem in problems:
            self._console.print(Text.assemble(("✘ ", "bold red"), problem))
        if not problems:
            self._console.print(Text(_("一切如期：没有丢失，没有重复，该拒的都拒了"), style="bold green"))


FIGURES: Final = {
    "published": marked("发出事件"),
    "alarms_delivered": marked("报警送达"),
    "notices_delivered": marked("即时通知送达"),
    "digest_events_delivered": marked("随季度通报送达"),
    "refused": marked("按原因拒收"),
    "lost": marked("丢失"),
    "duplicates_in_inbox": marked("重复响铃或入箱"),
    "alarm_latency_ms": marked("报警时延（毫秒）"),
    "bell_ms": marked("值班电话响起（毫秒）"),
    "firms": marked("NASA FIRMS 卫星热点"),
    "climbed": marked("无人签收，逐级催办"),
    "ledger": marked("账本"),
}
"""What the summary shows, in order."""


_PARTS: Final = {
    "p50": marked("中位数"),
    "p99": marked("百分之九十九不超过"),
    "rings": marked("响铃"),
    "in_members": marked("在成员县境内"),
    "sent": marked("送出"),
    "kept": marked("留在本县"),
    "alarms": marked("报警"),
    "second-phone": marked("第二电话"),
    "liaison-officer": marked("联络员"),
    "leader": marked("领导"),
    "statements": marked("账目"),
    "cosigned": marked("会签"),
    "quorum": marked("法定多数"),
    "proof_verified": marked("证明核验无误"),
    "log_verified": marked("全账核验无误"),
    "deletion_found_in": marked("指出的被删文件"),
    "pair_agrees": marked("两县账实相符"),
    "deleted_letter_found": marked("指出被删的一件"),
}
"""What the parts of a figure are called; reasons of refusals have names of their own."""


def _shown(value: Any) -> str:  # noqa: ANN401 -- a number or a small table of numbers
    if isinstance(value, dict):
        parts = (
            f"{_(_PARTS[key]) if key in _PARTS else reason_name(key)} {_shown(each)}" for key, each in value.items()
        )
        return join_sentences(parts) or "0"
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return "-" if value is None else str(value)
