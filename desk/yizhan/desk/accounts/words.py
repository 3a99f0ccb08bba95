"""Roles and events in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from yizhan.desk.accounts.database import Event, Kind
from yizhan.desk.accounts.management import Standing
from yizhan.desk.accounts.model import Role
from yizhan.schemas.i18n import _, join_list, marked

ROLES: Final[Mapping[Role, str]] = {
    Role.DUTY: marked("值班员"),
    Role.LIAISON: marked("联络员"),
    Role.ANALYST: marked("研判员"),
    Role.LEADER: marked("领导"),
    Role.AUDITOR: marked("审计员"),
    Role.SYSTEM: marked("系统管理员"),
    Role.SECURITY: marked("安全管理员"),
    Role.AUDIT: marked("审计管理员"),
}
KINDS: Final[Mapping[Kind, str]] = {
    Kind.SIGNED_IN: marked("登录"),
    Kind.SIGNED_OUT: marked("退出登录"),
    Kind.REFUSED: marked("登录被拒"),
    Kind.LOCKED_OUT: marked("输错五次，警号锁住"),
    Kind.CODE_USED: marked("用了一个一次性备用码"),
    Kind.LOCKED: marked("锁屏"),
    Kind.UNLOCKED: marked("解锁"),
    Kind.LINK_USED: marked("用链接设好口令和动态码"),
    Kind.PASSWORD_CHANGED: marked("改口令"),
    Kind.ACCOUNT_ADDED: marked("新建账户"),
    Kind.ACCOUNT_RESET: marked("重置账户"),
    Kind.ROLES_CHANGED: marked("改角色"),
    Kind.DISABLED: marked("停用账户"),
    Kind.ENABLED: marked("恢复账户"),
    Kind.SUCCEEDED: marked("由接任者停用"),
    Kind.SESSION_ENDED: marked("被退出登录"),
    Kind.CERTIFICATE_ADDED: marked("登记证书"),
    Kind.CERTIFICATE_REMOVED: marked("取消证书"),
    Kind.DEVICE_ADDED: marked("登记屏"),
    Kind.DEVICE_REVOKED: marked("作废屏"),
}
_OF_ROLES: Final = (Kind.ACCOUNT_ADDED, Kind.ROLES_CHANGED)


def state_words(standing: Standing, written: Callable[[datetime | None], str]) -> str:
    """Say whether an account can be used; ``written`` puts an instant into words."""
    if standing.account.disabled:
        return _("停用")
    if standing.locked_until is not None:
        return _("锁到 {at}").format(at=written(standing.locked_until)[11:16])
    return _("链接未用") if standing.changed is None else _("在用")


def role_name(role: Role) -> str:
    """Return a role in words that begin a line."""
    words = _(ROLES[role])
    return words[:1].upper() + words[1:]


def role_names(roles: Iterable[Role]) -> str:
    """Return roles in words, in their usual order."""
    held = frozenset(roles)
    return join_list(role_name(role) for role in ROLES if role in held)


def detail_words(event: Event) -> str:
    """Return an event's detail; words of roles are put into the language chosen."""
    if event.kind not in _OF_ROLES:
        return event.detail
    return " → ".join(role_names(map(Role, each.split())) for each in event.detail.split(" → "))
