"""Checks at the start whether a principal has the rights for its work.

Rule 1: the broker gives a consumer without read rights no error, only silence, which looks like a
        topic without events; so every reader and writer asks for its rights before it begins.
Rule 2: nothing here talks to a broker: its description of the topics is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from yizhan.runtime.errors import NotAuthorised
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import marked

_UNKNOWN_TOPIC: Final = 3  # error codes of the Kafka protocol
_NOT_AUTHORISED: Final = 29


def require_access(
    descriptions: Iterable[Mapping[str, Any]],
    principal: str,
    *,
    read: Iterable[str] = (),
    write: Iterable[str] = (),
) -> None:
    """Raise :class:`NotAuthorised` unless ``principal`` may read and write the topics named.

    ``descriptions`` is what kafka-python's ``KafkaAdminClient.describe_topics`` answers for these
    topics *over the principal's own connection*. A broker without access rules allows everything.
    """
    topics = {str(topic["name"]): topic for topic in descriptions}
    for names, operation in ((read, "READ"), (write, "WRITE")):
        for name in names:
            _require(topics.get(name), name, principal, operation)


def _require(topic: Mapping[str, Any] | None, name: str, principal: str, operation: str) -> None:
    code = _UNKNOWN_TOPIC if topic is None else int(topic.get("error_code") or 0)
    allowed = () if topic is None else topic.get("authorized_operations") or ()
    if code == _UNKNOWN_TOPIC:
        sentence = marked("Kafka 上没有主题 {name}；请按章程建立，或请驿站管理员建立")
        raise NotAuthorised(sentence, name=name, hint=Action.to("broker.start"))
    if code == _NOT_AUTHORISED or (code == 0 and operation not in allowed):
        sentence = marked(
            "{principal} 没有主题 {name} 的 {operation} 权限；证书用对了吗，是否已被吊销？请驿站管理员重新应用权限"
        )
        raise NotAuthorised(sentence, name=name, principal=principal, operation=operation)
