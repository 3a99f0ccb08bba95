"""Closed lists of words, each with its sentence: the same word in database, metric, JSON and on the screen.

Rule 1: a warning never hides an item.
Rule 2: words are for programs, sentences for officers; a sentence is translated where it is shown.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from yizhan.schemas.i18n import _, marked


class Warn(StrEnum):
    """A warning about an item; the item is shown nevertheless."""

    POSTMARK_MISSING = "postmark_missing"
    POSTMARK_INVALID = "postmark_invalid"
    POSTMARK_OTHER_RECORD = "postmark_other_record"
    DECISION_DIFFERS = "decision_differs"
    NOT_DECIDED_FOR_US = "not_decided_for_us"
    NOT_ADDRESSED_TO_US = "not_addressed_to_us"
    CLOCK_SUSPECT = "clock_suspect"
    UNOPENABLE = "unopenable"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_FIELDS = "unknown_fields"
    PAYLOAD_INVALID = "payload_invalid"
    CHARTER_UNKNOWN = "charter_unknown"
    CHARTER_STALE = "charter_stale"
    CHARTER_BEHIND = "charter_behind"
    KEY_DOUBTFUL = "key_doubtful"
    EXPIRED = "expired"
    AGAINST_CONTRACT = "against_contract"
    LANE_CONFLICT = "lane_conflict"
    ID_CONFLICT = "id_conflict"
    FIRST_MISSING = "first_missing"
    OBLIGATIONS_DIFFER = "obligations_differ"


class State(StrEnum):
    """State of an item. Only ``ringing`` asks for a person."""

    RINGING = "ringing"
    ACKNOWLEDGED = "acknowledged"
    QUIET = "quiet"
    WITHDRAWN = "withdrawn"
    """It rang, or would have, when its sender took it back."""
    EXPIRED = "expired"
    """It rang, or would have, when its time was over."""
    WAITING = "waiting"
    """It arrived with a digest whose manifest is not here yet."""


class ManifestVerdict(StrEnum):
    """Result of checking a digest against its manifest: the first that applies, top down."""

    WRONG_COUNTY = "wrong_county"
    ROOT_DIFFERS = "root_differs"
    CHAIN_BROKEN = "chain_broken"
    VERIFIED = "verified"


class DigestWarn(StrEnum):
    """A warning about a digest, in addition to its verdict."""

    CHAIN_BEGINS_HERE = "chain_begins_here"
    CLUSTER_CHANGED = "cluster_changed"
    CHARTER_UNKNOWN = "charter_unknown"
    MISSING_URGENT = "missing_urgent"
    MISSING_ROUTINE = "missing_routine"
    LEFT_OUT = "left_out"


SENTENCES: Final[dict[Warn | ManifestVerdict | DigestWarn | State, str]] = {
    Warn.POSTMARK_MISSING: marked("没有驿站邮戳，处置方式由本县自行判定"),
    Warn.POSTMARK_INVALID: marked("驿站邮戳无法核验，处置方式由本县自行判定"),
    Warn.POSTMARK_OTHER_RECORD: marked("邮戳属于另一份文书，处置方式由本县自行判定"),
    Warn.DECISION_DIFFERS: marked("驿站的处置方式与本县按规则得出的不同，已取较急者"),
    Warn.NOT_DECIDED_FOR_US: marked("邮戳没有写明对本县的处置方式"),
    Warn.NOT_ADDRESSED_TO_US: marked("收件单位不含本县"),
    Warn.CLOCK_SUSPECT: marked("发件单位的时钟偏快，时间仅供参考"),
    Warn.UNOPENABLE: marked("署名有效，但内容无法打开，请电话联系发件单位"),
    Warn.UNKNOWN_TYPE: marked("本机不认识这一类型，按原文显示"),
    Warn.UNKNOWN_FIELDS: marked("含有本机不认识的字段，按原文显示"),
    Warn.PAYLOAD_INVALID: marked("内容不合该类型的格式，按原文显示"),
    Warn.CHARTER_UNKNOWN: marked("驿站依据的章程版本本机没有"),
    Warn.CHARTER_STALE: marked("驿站当时未能更新章程，按最后一版处置"),
    Warn.CHARTER_BEHIND: marked("发件单位的章程比驿站当时的新"),
    Warn.KEY_DOUBTFUL: marked("收到时署名密钥可能已泄露，请电话核实发件单位"),
    Warn.EXPIRED: marked("收到时已过发件单位所写的有效时间"),
    Warn.AGAINST_CONTRACT: marked("署名属实，但收件人或引用不合章程，请与发件单位核实"),
    Warn.LANE_CONFLICT: marked("发件单位把同一顺序号给了两份文书"),
    Warn.ID_CONFLICT: marked("另有一份文书用了同一编号而内容不同，已留作证据"),
    Warn.FIRST_MISSING: marked("没有收到过首报，按首报响铃"),
    Warn.OBLIGATIONS_DIFFER: marked("驿站所写的待办与本县按规则得出的不同，请与驿站核实"),
    State.RINGING: marked("待签收"),
    State.ACKNOWLEDGED: marked("已签收"),
    State.QUIET: marked("已收"),
    State.WITHDRAWN: marked("发件单位已撤回"),
    State.EXPIRED: marked("已过有效时间"),
    State.WAITING: marked("待季度清单核对"),
    ManifestVerdict.VERIFIED: marked("与驿站清单一致"),
    ManifestVerdict.ROOT_DIFFERS: marked("收到的文书与驿站清单不一致，请联系驿站管理员"),
    ManifestVerdict.CHAIN_BROKEN: marked("清单与上一期不衔接，可能缺了一期，请联系驿站管理员"),
    ManifestVerdict.WRONG_COUNTY: marked("这是另一个县的清单"),
    DigestWarn.CHAIN_BEGINS_HERE: marked("本机没有上一期清单，自本期起核对"),
    DigestWarn.CLUSTER_CHANGED: marked("驿站换过存储，本期起重新编号"),
    DigestWarn.CHARTER_UNKNOWN: marked("清单依据的章程版本本机没有"),
    DigestWarn.MISSING_URGENT: marked("清单中有当时应即时送达而本县未收到的文书"),
    DigestWarn.MISSING_ROUTINE: marked("清单中有署名无效、未能收入的文书"),
    DigestWarn.LEFT_OUT: marked("随本期送来的文书中，有的不在清单上；已照常列出，请与驿站核实"),
}


def sentence(word: Warn | ManifestVerdict | DigestWarn | State) -> str:
    """Say a word to an officer, in the language chosen."""
    return _(SENTENCES[word])
