"""Labels for the audit's codes, each with its sentence for people.

Rule 1: codes are for programs, sentences for officers; a sentence is translated where it is shown.
"""

from __future__ import annotations

from typing import Final

from yizhan.ledger.audit.findings import FindingKind
from yizhan.ledger.audit.history import HistoryStepKind
from yizhan.ledger.audit.reconcile import DiscrepancyKind
from yizhan.schemas.i18n import _, marked

ODD: Final[dict[DiscrepancyKind, str]] = {
    DiscrepancyKind.DELETED_BY_RECIPIENT: marked("收件县签收过或登记过，簿上这一件却没有了：被删除"),
    DiscrepancyKind.SENT_NOT_RECEIVED: marked("已发出、已入账，收件县没有收到"),
    DiscrepancyKind.DELETED_BY_SENDER: marked("收件县收到、账上也有，发件县簿上这一件却没有了：被删除"),
    DiscrepancyKind.RECEIVED_NOT_SENT: marked(
        "收件县收到、账上也有，发件县的册到不了这一号：发件箱恢复过旧备份，或尾部被删除"
    ),
    DiscrepancyKind.IN_NO_BOOK: marked("账上有，双方簿上都没有"),
    DiscrepancyKind.HASH_DIFFERS: marked("编号相同而指纹不同；先入账的为准"),
    DiscrepancyKind.NOT_IN_LOG: marked("簿上有，账上没有"),
    DiscrepancyKind.GAP: marked("顺序号断缺，双方都没有"),
    DiscrepancyKind.UNPROVEN: marked("簿上有，签名证明不了"),
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
STEPS: Final[dict[HistoryStepKind, str]] = {
    HistoryStepKind.LEARNT: marked("获知"),
    HistoryStepKind.ACCEPTED: marked("发件箱收下"),
    HistoryStepKind.SENT: marked("送出"),
    HistoryStepKind.RECEIVED: marked("驿站收到并盖戳"),
    HistoryStepKind.REFUSED: marked("驿站拒收"),
    HistoryStepKind.DECIDED: marked("驿站判定送达方式"),
    HistoryStepKind.STORED: marked("收件箱入库"),
    HistoryStepKind.DELIVERED: marked("送达回执"),
    HistoryStepKind.UNOPENABLE: marked("回执：打不开"),
    HistoryStepKind.FETCHED: marked("回执：附件已取齐"),
    HistoryStepKind.UNFETCHED: marked("回执：附件未取齐"),
    HistoryStepKind.OPENED: marked("首次调阅"),
    HistoryStepKind.ACKNOWLEDGED: marked("签收"),
    HistoryStepKind.ACTED: marked("回执：已处置"),
    HistoryStepKind.DECLINED: marked("回执：不予处置"),
    HistoryStepKind.DIGESTED: marked("列入季度通报"),
    HistoryStepKind.ANSWERED: marked("后续来文"),
    HistoryStepKind.DESTROYED: marked("内容到期销毁"),
    HistoryStepKind.OWED: marked("待办"),
    HistoryStepKind.RIVAL: marked("同一编号另有一份内容不同的文书"),
}
VOUCHES: Final = {
    "signed": marked("本人签名为证"),
    "logged": marked("账上有据"),
    "said": marked("本县自述"),
}


def discrepancy_name(odd: DiscrepancyKind) -> str:
    """Return the label of a discrepancy, in the chosen language."""
    return _(ODD[odd])


def step_name(what: HistoryStepKind) -> str:
    """Return the label of a step, in the chosen language."""
    return _(STEPS[what])


def vouch_name(vouch: str) -> str:
    """Return the label of who vouches for a step."""
    return _(VOUCHES[vouch])


def finding_name(found: FindingKind) -> str:
    """Return the label of a finding, in the chosen language."""
    return _(FOUND[found])
