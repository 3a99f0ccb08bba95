"""The data of a form: the questions that no payload model has, what a face is given, and in whose name is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from yizhan.producers import datum, proposals
from yizhan.producers.form_values import Path
from yizhan.producers.forms import Choice, Field, FieldKind
from yizhan.schemas.i18n import marked

COMPUTED: Final = frozenset({"border", "grade", "grade_basis", "doubtful"})
"""Fields proposed from other answers, not asked like the rest."""
SPOT: Final = "spot"
"""The words about a place beside its position: what was said of it is kept there."""
MOST_CHARACTERS: Final = 120
"""Longest text of such a field (``payloads.base.Line``)."""
WHAT: Final = Field("what", marked("一、什么情况"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, title) for word, (title, _follows) in proposals.WHAT.items()))  # fmt: skip
WHICH: Final = Field("what", marked("一、哪一种"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, title) for word, (title, _follows) in proposals.WHICH.items()))  # fmt: skip
ANSWER: Final = Field("what", marked("一、哪一种答复"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, title) for word, title in proposals.ANSWER.items()))  # fmt: skip
HOW_BAD: Final = Field("how_bad", marked("二、有多严重"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, title) for word, title in proposals.HOW_BAD.items()))  # fmt: skip
HOW_URGENT: Final = Field("how_bad", marked("二、有多急"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, title) for word, title in proposals.HOW_URGENT.items()))  # fmt: skip
TOUCHES: Final = Field("touches", marked("三、涉及哪些县"), FieldKind.MEMBER, many=True)
DATUM: Final = Field("datum", marked("坐标系（坐标从哪里读来）"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(each.value, each.label, also=datum.names_of(each)) for each in datum.Datum))  # fmt: skip
WORSE: Final = Field("worse", marked("比上次报告更严重（扩大、越界、伤人、求援）"), FieldKind.FLAG, required=True)
MORE: Final = Field("more", marked("还有一项"), FieldKind.FLAG, required=True)
FILE: Final = Field("files", marked("附件的文件路径"), FieldKind.TEXT)
GRADE: Final = Field("grade", marked("等级（1 特别重大 2 重大 3 较大 4 一般）"), FieldKind.WHOLE, low=1, high=4)
BASIS: Final = Field("grade_basis", marked("定级依据"), FieldKind.TEXT, required=True)
OPTIONAL: Final = Field("optional", marked("可以补充的项目，写编号，可多项"), FieldKind.CHOICE, many=True)
THREAD: Final = Field("subject", marked("接着哪一件"), FieldKind.CHOICE, required=True)


MEANINGS: Final = {
    "crossing": marked("烧入：从对方烧进写报告的县；烧出：从写报告的县烧进对方"),
    "classification": marked("国家秘密不得进入本系统"),
}
"""Field → what its choices mean, where their words do not say it: told to whoever asks for help."""


class NoteKind(StrEnum):
    """What a face shows between two questions; each kind lists its parameters."""

    NEEDS = "needs"
    """What the form will need, before its first question: titles of what is ``required``, of what is so ``later``, in
    an update or a final report, and of what is so ``perhaps``; and whether ``files`` may go with it.
    """
    GROUP = "group"
    """A group of questions begins: ``title``."""
    ITEM = "item"
    """The next thing of a list: ``title``, ``number``."""
    FAULT = "fault"
    """What is wrong with the last answer: ``text``, a sentence."""
    REQUIRED = "required"
    """The last question must be answered."""
    NOTHING_EARLIER = "nothing_earlier"
    """There is no earlier event of this type to go on with: this one stands by itself."""
    BORDER = "border"
    """How far the border is: ``member``, ``metres``, ``bearing``."""
    ELSEWHERE = "elsewhere"
    """The position lies in another county than the one named: ``member``."""
    FOLLOWED = "followed"
    """What was proposed from the position was proposed anew; ``members`` are the counties that it touches now."""
    TOUCHES_STAY = "touches_stay"
    """The counties that a person named instead (``members``) were not changed with the position."""
    CONVERTED = "converted"
    """Positions as WGS 84: ``points``."""
    GRADE_BASIS = "grade_basis"
    """On what the proposed grade rests: ``text``."""
    ATTACHED = "attached"
    """A file was taken: ``number``, ``name``, ``size``."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say before the next question."""

    kind: NoteKind
    params: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked now: the field, where its answer goes, and what is proposed (as a person writes it)."""

    field: Field
    path: Path
    proposed: str | None


@dataclass(frozen=True, slots=True)
class FormContext:
    """In whose name is asked: the county, its alliance, and what is proposed."""

    county: str
    members: Mapping[str, str]
    """Code → name."""
    map: proposals.AllianceMap | None
    """None where no outlines are at hand."""
    office: Mapping[str, Any]
    earlier: Callable[[], Sequence[tuple[str, str]]]
    """(id, a line about it) of what may go on, the newest first."""
    last_report: Callable[[str], Mapping[str, Any]] = lambda _thread: {}
    """Thread → what was reported of it last: ``payload``, and of the header ``priority``, ``touches``, ``grade``."""
