"""Closed lists of the audit's words, each with its sentence for people.

Rule 1: words are for programs, sentences for officers; a sentence is translated where it is shown.
"""

from __future__ import annotations

from typing import Final

from yizhan.ledger.audit.findings import FindingKind
from yizhan.ledger.audit.history import What
from yizhan.ledger.audit.reconcile import Odd
from yizhan.schemas.i18n import _, marked

ODD: Final[dict[Odd, str]] = {
    Odd.DELETED_BY_RECIPIENT: marked("收件县签收过或登记过，簿上这一件却没有了：被删除"),
    Odd.SENT_NOT_RECEIVED: marked("已发出、已入账，收件县没有收到"),
    Odd.DELETED_BY_SENDER: marked("收件县收到、账上也有，发件县簿上这一件却没有了：被删除"),
    Odd.RECEIVED_NOT_SENT: marked("收件县收到、账上也有，发件县的册到不了这一号：发件箱恢复过旧备份，或尾部被删除"),
    Odd.IN_NO_BOOK: marked("账上有，双方簿上都没有"),
    Odd.HASH_DIFFERS: marked("编号相同而指纹不同；先入账的为准"),
    Odd.NOT_IN_LOG: marked("簿上有，账上没有"),
    Odd.GAP: marked("顺序号断缺，双方都没有"),
    Odd.UNPROVEN: marked("簿上有，签名证明不了"),
}

FOUND: Final[dict[FindingKind, str]] = {
    FindingKind.LATE: marked("迟报"),
    FindingKind.UNACKNOWLEDGED: marked("报警无人签收"),
    FindingKind.OVERDUE: marked("逾期"),
    FindingKind.NO_FEEDBACK: marked("情报没有反馈"),
    FindingKind.MISSING_REPORT: marked("漏报：卫星热点没有上报"),
    FindingKind.REFUSED: marked("驿站拒收"),
    FindingKind.DOUBTFUL_KEY: marked("密钥可疑"),
    FindingKind.DECISION_DIFFERS: marked("驿站判定与章程复算不同"),
    FindingKind.CONTRADICTION: marked("同一编号先后两份，内容不同"),
    FindingKind.ASIDE: marked("到了收件箱而没有收入，另存"),
    FindingKind.JOURNAL_BROKEN: marked("调阅记录断链"),
}
RULES: Final = {
    "tell": marked("获知后及时通报"),
    "acknowledge": marked("报警及时签收"),
    "follow-up": marked("火灾灾害续报、终报"),
    "verify-hotspot": marked("热点核查"),
    "feedback": marked("情报反馈"),
    "other-assistance": marked("协查答复"),
}
STEPS: Final[dict[What, str]] = {
    What.LEARNT: marked("获知"),
    What.ACCEPTED: marked("发件箱收下"),
    What.SENT: marked("送出"),
    What.RECEIVED: marked("驿站收到并盖戳"),
    What.REFUSED: marked("驿站拒收"),
    What.DECIDED: marked("驿站判定送达方式"),
    What.STORED: marked("收件箱入库"),
    What.DELIVERED: marked("送达回执"),
    What.UNOPENABLE: marked("回执：打不开"),
    What.OPENED: marked("首次调阅"),
    What.ACKNOWLEDGED: marked("签收"),
    What.ACTED: marked("回执：已处置"),
    What.DECLINED: marked("回执：不予处置"),
    What.DIGESTED: marked("列入季度通报"),
    What.ANSWERED: marked("后续来文"),
    What.DESTROYED: marked("内容到期销毁"),
    What.OWED: marked("待办"),
    What.RIVAL: marked("同一编号另有一份内容不同的文书"),
}
VOUCHES: Final = {
    "signed": marked("本人签名为证"),
    "logged": marked("账上有据"),
    "said": marked("本县自述"),
}


def odd_sentence(odd: Odd) -> str:
    """Say what does not agree, in the language chosen."""
    return _(ODD[odd])


def step_name(what: What) -> str:
    """Say what happened, in the language chosen."""
    return _(STEPS[what])


def vouch_name(vouch: str) -> str:
    """Say who vouches for it."""
    return _(VOUCHES[vouch])


def found_name(found: FindingKind) -> str:
    """Say what was found, in the language chosen."""
    return _(FOUND[found])


def rule_name(rule: str) -> str:
    """Say which obligation; a word that is none stays as it is."""
    return _(RULES[rule]) if rule in RULES else rule
