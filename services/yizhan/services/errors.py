"""Why a service refuses: one class a kind of failure that a program may tell apart.

::

    YizhanError
    └── ServiceError        what was asked cannot be done
        ├── NoKey           a private key is not there, or the charter does not name it
        ├── UnknownMember   a code that the charter does not name as a member
        ├── Conflict        what is there already forbids it
        ├── NotFinal        not cosigned by a quorum yet
        └── QuarterNotEnded a quarter that is to be closed has not ended yet

Rule 1: the sentence is for officers: Chinese (``marked``) with parameters, put into words where it is shown.
Rule 2: what can be done about it is the ``hint``, an ``Action``, never the text of a command.
"""

from __future__ import annotations

from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked


class ServiceError(YizhanError):
    """What was asked cannot be done."""


class NoKey(ServiceError):
    """A private key is not there, or the charter does not name it."""


class UnknownMember(ServiceError):
    """A code that the charter does not name as a member."""


class Conflict(ServiceError):
    """What is there already forbids it: a file that would be overwritten, a key that is in use."""


def draft_changed(n: int, county: str) -> Conflict:
    """Return the error for a draft that another has changed, submitted or queued since it was seen."""
    sentence = marked("草稿 {n} 已被别人改动、送审或提交发送；您所做的没有生效，请看现在的内容")
    return Conflict(sentence, n=n, hint=Action.to("draft.show", n=n, county=county))


class NotFinal(ServiceError):
    """Not cosigned by a quorum yet."""


class QuarterNotEnded(ServiceError):
    """A quarter that is to be closed has not ended yet."""
