"""The words for codes, once for every face: types, ways, reasons, states, errors.

Rule 1: a word that this version does not know is shown as it came.
Rule 2: an error whose own sentence is for engineers is shown by what it means; its sentence follows, marked.
"""

from __future__ import annotations

from typing import Final

from yizhan.producers.draft_rows import DraftState
from yizhan.schemas.errors import Refused
from yizhan.schemas.i18n import _, marked, with_note
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.matters import EventRole, JointWorkState
from yizhan.schemas.payloads import table
from yizhan.schemas.sentences import technical

WAYS: Final = {"alarm": marked("报警"), "notice": marked("即时通知"), "digest": marked("季度通报")}
ARRIVALS: Final = {
    "alarm": marked("报警：立即送达，响铃直到有人签收"),
    "notice": marked("即时通知：立即送达，不逐级响铃"),
    "digest": marked("季度通报：随季度通报送达"),
}
REASONS: Final = {
    "malformed": marked("格式不合规定"),
    "oversize": marked("超过长度上限"),
    "unknown_suite": marked("密码套件不是章程规定的"),
    "unknown_key": marked("章程里没有这把签名密钥"),
    "key_not_valid": marked("签名密钥尚未生效或已过期"),
    "key_revoked": marked("签名密钥已撤销"),
    "bad_signature": marked("签名不符，内容被改动或不是本人签署"),
    "wrong_topic": marked("发到了别县的主题"),
    "not_a_member": marked("不是章程的成员"),
    "bad_audience": marked("收件成员、顺序号与封装密钥不一致"),
    "bad_reference": marked("无权撤回、更正或确认所指事件"),
    "future_dated": marked("获知时间在未来：请核对所填的 time，或发送方的时钟"),
    # Not the station's reasons, but this command line's own:
    "bad_line": marked("这一行不合格式，请改正"),
    "no_sender": marked("看不出由哪个县发出"),
    "not_publishable": marked("发件箱不收"),
}
DRAFT_STATES: Final = {
    DraftState.WRITING: marked("在写"),
    DraftState.REVIEW: marked("已送审"),
    DraftState.QUEUED: marked("待发送"),
    DraftState.REFUSED: marked("未能发出"),
}
ERRORS: Final = {
    "WireFailed": marked("Kafka 没有应答，或不准账本读写"),
    "Unopenable": marked("核验无误，但内容打不开"),
    "StatementInvalid": marked("驿站签名的文书核验不过"),
    "ProofInvalid": marked("账本的证明核验不过"),
    "NoteInvalid": marked("账本的检查点或证明文件核验不过"),
    "CharterInvalid": marked("章程不能采用"),
    "StrictJsonError": marked("不是规范的 JSON"),
    "ProcessError": marked("子进程没有正常工作"),
    "DeployError": marked("Kafka 没有就绪"),
    "NotWritten": marked("账本写不到磁盘上"),
    "LogDamaged": marked("账本的文件损坏或缺失"),
    "LogBehind": marked("账本短于已公布的检查点"),
    "LogForked": marked("账本与已公布的检查点不一致"),
    "NoSuchStatement": marked("账本里没有所问的这件"),
    "LedgerNotReady": marked("账本没有就绪"),
    "LedgerError": marked("账本不能工作"),
    "BookInvalid": marked("县里导出的簿不能用"),
}
"""Class of an error whose sentence is for engineers → what it means to whoever reads it here."""
DOUBTS: Final = {
    "touches_nobody": marked("{type}没有写明涉及哪个收件县（touches）"),
    "elsewhere": marked("{type}发生在 {county} 境内；各县只报本县境内的"),
    "grade": marked("所填等级与数据不符：{basis}"),
    "future": marked("所填时间还没有到；请核对日期"),
    "nowhere": marked("坐标不在任何县的境内（在海上，或填错了）"),
    "other_county": marked("坐标在 {there} 境内，不在所填的 {county} 境内；请核对坐标和县"),
    "crossed": marked("越界情况填的是“无”，坐标却在 {there} 境内；请核对"),
    "border": marked("距界情况与坐标不符；请核对距界和坐标"),
    "still_burning": marked("终报的火势状态不是明火扑灭、余火清理或看守，对方会当作已经结束；火没有扑灭的，请改为续报"),
    "no_unit": marked("有一项数量没有单位"),
    "unknown_county": marked("所填的县不是章程的成员，请核对：{strangers}"),
    "rings_nowhere": marked("{type}在任何收件县都不会响铃：涉及的县里没有收件县。请核对涉及的县；确实不涉及，请填“无”"),
    "no_first_report": marked("本县没有这起{type}的首报，或没有写明是哪一件；对方收到会按首报响铃。请核对所属事件"),
    "waits_for_quarter": marked("{type}有激化风险或请对方回复，却会等到季度通报才送达；建议紧急程度改为加急"),
}
STATES: Final = {
    "queued": marked("待发"),
    "sent": marked("已发，待驿站答复"),
    "accepted": marked("驿站已接收"),
    "refused": marked("驿站拒收"),
}
STAGES: Final = {
    "delivered": marked("已送达"),
    "unopenable": marked("打不开"),
    "fetched": marked("附件已取齐"),
    "unfetched": marked("附件未取齐，请再送"),
    "acknowledged": marked("已签收"),
    "acted": marked("已处置"),
    "declined": marked("不予处置"),
}
EVENT_ROLES: Final = {
    EventRole.FIRST: marked("首报"),
    EventRole.UPDATE: marked("续报"),
    EventRole.FINAL: marked("终报"),
    EventRole.REPORT: "",
    EventRole.CORRECTION: marked("更正"),
    EventRole.WITHDRAWAL: marked("撤回"),
    EventRole.REPLY: marked("答复"),
    EventRole.LINK: marked("并案"),
}
JOINT_WORK: Final = {
    JointWorkState.COUNTERSIGNED: marked("{county} 已会签巡护计划"),
    JointWorkState.AWAITS_COUNTERSIGN: marked("等 {county} 会签巡护计划"),
    JointWorkState.OTHER_PLAN: marked("{county} 签回的巡护计划与原计划不同，不算会签"),
    JointWorkState.REPORTED: marked("{county} 已报巡护结果"),
    JointWorkState.AWAITS_REPORT: marked("等 {county} 报巡护结果"),
    JointWorkState.ANSWERED: marked("{county} 已答复协作请求"),
    JointWorkState.AWAITS_ANSWER: marked("等 {county} 答复协作请求"),
    JointWorkState.DISPUTE: marked("争议现在：{said}"),
    JointWorkState.WRONG_MOVE: marked("办理状态 {said} 不合顺序（{county} 所报）"),
    JointWorkState.DECISION: marked("议定：{said}；{county} 负责，{due} 前"),
    JointWorkState.DECISION_DONE: marked("议定：{said}；{county} 已办结"),
}
OBLIGATION_STEPS: Final = {
    "opened": marked("新的待办"),
    "overdue": marked("已逾期"),
    "discharged": marked("已履行"),
    "cancelled": marked("已撤销"),
    "not-owed": marked("这件没有履行任何待办，不是由本县履行的"),
}
DISCHARGES: Final = {
    "answers": marked("发出{types}，写明所答复的这一件"),
    "thread": marked("在同一件事里报送{types}"),
    "period": marked("发出本期的{types}"),
}
KEY_ROLES: Final = {
    "sign": marked("签名"),
    "seal": marked("封装"),
    "cosign": marked("会签"),
    "postmark": marked("邮戳"),
}
KEY_STATES: Final = {
    "valid": marked("有效"),
    "not_yet": marked("尚未生效"),
    "expired": marked("已过期"),
    "revoked": marked("已撤销"),
    "unregistered": marked("未登记"),
}
HOTSPOTS_KEPT: Final = {
    "touches_no_other_member": marked("不在任何邻县的边界带内"),
    "volcano": marked("NASA 归为火山，不是植被火"),
    "static_land_source": marked("NASA 归为陆上固定热源（工厂、火炬等），不是植被火"),
    "offshore": marked("NASA 归为海上热源，不是植被火"),
}
"""Why a detection on the county's own territory is not sent."""
COMPARISONS: Final = {"same": marked("相同"), "differs": marked("不同"), "waiting": marked("待核对")}


type_name = table.type_name
short_type = table.short_name


def type_of(word: str) -> str | None:
    """Return the event type that a word means, None where it means none or several (``table.types_called``)."""
    found = table.types_called(word)
    return found[0] if len(found) == 1 else None


def reason_name(word: str) -> str:
    """Return what a reason of refusal means, after its word."""
    return with_note(word, _(REASONS[word])) if word in REASONS else word


def state_name(word: str) -> str:
    """Return what the state of an outbox row is called."""
    return _(STATES[word]) if word in STATES else word


def way_name(word: str) -> str:
    """Return what a way is called."""
    return _(WAYS[word]) if word in WAYS else word


def arrival(word: str) -> str:
    """Return how something arrives by a way."""
    return _(ARRIVALS[word]) if word in ARRIVALS else word


def refusal(word: str, detail: str | None) -> str:
    """Return why something was refused: what the reason means, then the station's own sentence."""
    return technical(reason_name(word), detail) if detail else reason_name(word)


def error_sentence(error: Exception) -> str:
    """Return the sentence of an error of ours, or what its class means with that as a detail."""
    if isinstance(error, Refused):
        return refusal(error.reason.value, str(error))
    meaning = next((ERRORS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in ERRORS), None)
    return str(error) if meaning is None else technical(_(meaning), error)


def stage_name(word: str) -> str:
    """Return what the stage of a receipt is called."""
    return _(STAGES[word]) if word in STAGES else word


def manifest_kind(manifest: Manifest) -> str:
    """Return what kind of close a manifest is of."""
    if manifest.interim:
        return _("中期")
    return _("零报告") if manifest.count == 0 else _("结算")
