"""What an engineer wants to know before a county's desk goes into service: each finding is good, bad or unknown.

Rule 1: every part is looked at though another cannot be, and nothing is changed.
Rule 2: a finding is bad where somebody has to do something; its sentence says what.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from yizhan.desk.accounts.model import ADMINISTRATORS
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.accounts.words import role_names
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.desk.serving import Listening
from yizhan.runtime.file_lock import holder
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import Sentence, join_list, marked
from yizhan.services.bell import CONSOLE, bell_path, bell_status
from yizhan.services.consoles import list_consoles
from yizhan.services.home import Home
from yizhan.services.processes import DESK_LOCK, progress_age
from yizhan.services.status import CERTIFICATE_LEFT, home_status

State = Literal["good", "bad", "unknown"]
SILENT_SECONDS: Final = 15.0
"""A process that works says so about once a second; while no broker answers it may be silent for ten."""
AHEAD: Final = timedelta(seconds=5)
_CLOCK_UNSYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITING: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``code`` for programs, a sentence for people, what can be done."""

    code: str
    state: State
    sentence: Sentence
    action: Action | None = None


def good(code: str, sentence: str, **params: object) -> Finding:
    """Say that a thing is as it has to be."""
    return Finding(code, "good", Sentence.of(sentence, **params))


def bad(code: str, sentence: str, action: Action | None = None, /, **params: object) -> Finding:
    """Say what is wrong, and what helps."""
    return Finding(code, "bad", Sentence.of(sentence, **params), action)


def unknown(code: str, sentence: str, **params: object) -> Finding:
    """Say what could not be found out."""
    return Finding(code, "unknown", Sentence.of(sentence, **params))


def check_desk(home: Home, county: str, listening: Listening, now: datetime) -> list[Finding]:
    """Look at everything that a county's desk stands on."""
    parts: dict[str, Callable[[], Iterable[Finding]]] = {
        "clock": partial(_clock, home, county, now),
        "process": partial(_process, home, county),
        "tls": partial(_tls, listening, now),
        "files": partial(_files, home, county, listening),
        "accounts": partial(_accounts, home, county, now),
        "progress": partial(_progress, home, county),
        "bell": partial(_bell, home, county),
        "sound": partial(_sound, home, county),
    }
    found: list[Finding] = []
    for code, look in parts.items():
        try:
            found += look()
        except (YizhanError, OSError) as error:
            found.append(bad(code, marked("看不了：{why}"), why=error))
    return found


def _clock(home: Home, county: str, now: datetime) -> Iterator[Finding]:
    status = home_status(home, county, now)
    if any(each.code == "clock" for each in status.problems):
        yield bad("clock", marked("驿站认为本机时钟不准，请校准（NTP）"))
        return
    last = next((each.last_arrival for each in status.counties), None)
    if last is not None and last > now + AHEAD:
        yield bad(
            "clock", marked("最近一件来件存于 {at}，比现在还晚：本机时钟慢了，请校准（NTP）"), at=home.local_time(last)
        )
        return
    synchronised = clock_is_synchronised()
    if synchronised is None:
        yield unknown("clock", marked("读不出系统时钟是否与 NTP 同步"))
    elif synchronised:
        yield good("clock", marked("系统时钟与 NTP 同步，驿站没有说不准"))
    else:
        yield bad("clock", marked("系统说时钟没有与 NTP 同步；请开 NTP 服务"))


def clock_is_synchronised() -> bool | None:
    """Return whether the kernel's clock is kept by NTP (adjtimex(2)); None where the kernel does not say."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _CLOCK_UNSYNCHRONISED


def _process(home: Home, county: str) -> Iterator[Finding]:
    pid = holder(home.county_folder(county) / f"{ACCOUNTS_FILE}{DESK_LOCK}")
    if pid is None:
        yield bad("process", marked("值班台没有在运行"), Action.to("desk.run", county=county))
    else:
        yield good("process", marked("值班台在运行，进程号 {pid}"), pid=pid)


def _tls(listening: Listening, now: datetime) -> Iterator[Finding]:
    if listening.certificate is None or listening.key is None:
        if listening.unix is not None:
            yield unknown("tls", marked("TLS 在网关上，这里看不到它的证书"))
        else:
            yield unknown("tls", marked("没有给 --cert 和 --key：只有本机能用，不看证书"))
        return
    certificate = x509.load_pem_x509_certificate(listening.certificate.read_bytes())
    left = certificate.not_valid_after_utc - now
    if left < timedelta(0) or certificate.not_valid_before_utc > now:
        yield bad("tls", marked("TLS 证书不在有效期内（到 {until}）"), until=f"{certificate.not_valid_after_utc:%F}")
    elif left < CERTIFICATE_LEFT:
        yield bad("tls", marked("TLS 证书还有 {days} 天到期，请换发"), days=left.days)
    else:
        yield good("tls", marked("TLS 证书还有 {days} 天"), days=left.days)
    try:
        key = serialization.load_pem_private_key(listening.key.read_bytes(), None)
    except (ValueError, TypeError) as error:
        yield bad("tls_key", marked("TLS 私钥读不出：{why}"), why=error)
        return
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form):
        yield good("tls_key", marked("TLS 私钥与证书相配"))
    else:
        yield bad("tls_key", marked("TLS 私钥与证书不相配，浏览器连不上"))


def _files(home: Home, county: str, listening: Listening) -> Iterator[Finding]:
    folder = home.county_folder(county)
    inside = list(folder.iterdir())
    secret = [path for path in inside if path.is_file() and path.suffix != ".lock"]
    if listening.key is not None:
        secret.append(listening.key)
    open_ones = [path for path in secret if path.stat().st_mode & _OTHERS]
    open_ones += [path for path in (folder, *inside) if path.is_dir() and path.stat().st_mode & _WRITING]
    foreign = [path for path in inside if path.stat().st_uid != folder.stat().st_uid]
    if open_ones:
        names = join_list(path.name for path in open_ones)
        yield bad("files", marked("别的账户也能读或写：{names}；请收回别人的权限"), names=names)
    if foreign:
        names = join_list(path.name for path in foreign)
        yield bad("owner", marked("属主与县目录不同：{names}；请改属主"), names=names)
    if not os.access(folder, os.W_OK):
        yield bad("files", marked("{folder} 不能写；请用值班台进程的账户来查"), folder=folder)
    if not open_ones and not foreign:
        yield good("files", marked("文件只有本账户能读写"))


def _accounts(home: Home, county: str, now: datetime) -> Iterator[Finding]:
    path = home.county_folder(county) / ACCOUNTS_FILE
    if not path.exists():
        yield bad("accounts", marked("还没有账户；值班台第一次运行时给出安全管理员的链接"))
        return
    with AccountStore(path) as store:
        standings = [each for each in store.accounts.all(now) if not each.account.disabled]
    ready = [each for each in standings if each.changed is not None]
    missing = [role for role in sorted(ADMINISTRATORS) if not any(role in each.account.roles for each in ready)]
    if missing:
        sentence = marked("没有{roles}：三个管理员各要一人")
        yield bad("administrators", sentence, roles=role_names(missing))
    else:
        yield good("administrators", marked("三个管理员都有"))
    unset = join_list(each.account.badge for each in standings if each.changed is None)
    if unset:
        yield bad("authenticator", marked("还没有用链接设口令和动态码的警号：{badges}"), badges=unset)
    spent = join_list(each.account.badge for each in ready if not each.codes_left)
    if spent:
        yield bad("codes", marked("一次性备用码用完的警号：{badges}；请安全管理员重置"), badges=spent)
    locked = join_list(each.account.badge for each in standings if each.locked_until is not None)
    if locked:
        yield bad("locked", marked("试错太多、现在锁着的警号：{badges}"), badges=locked)
    if not unset and not spent and not locked:
        yield good("accounts", marked("{count} 个账户都有动态码和备用码"), count=len(ready))


def _progress(home: Home, county: str) -> Iterator[Finding]:
    for kind, words, action in (
        ("inbox", "yizhan inbox run", Action.to("inbox.background", county=county)),
        ("outbox", "yizhan outbox run", Action.to("outbox.run", county=county)),
    ):
        age = progress_age(home, county, "inbox" if kind == "inbox" else "outbox")
        if age is None:
            yield bad(kind, marked("{program} 从没有运行过"), action, program=words)
        elif age > SILENT_SECONDS:
            sentence = marked("{program} 已 {seconds} 秒没有进展：停了，或卡住了")
            yield bad(kind, sentence, action, program=words, seconds=round(age))
        else:
            yield good(kind, marked("{program} 在工作"), program=words)


def _bell(home: Home, county: str) -> Iterator[Finding]:
    if not bell_path(home, county).exists():
        sentence = marked("没有设铃（bell.toml），后台收到的报警叫不到任何人")
        yield bad("bell", sentence, Action.to("bell.init", county=county))
        return
    bell = bell_status(home, county)
    consoles = [each for each in bell.channels if each.kind == CONSOLE]
    dead = [each.name for each in bell.channels if each.dead]
    if not consoles:
        sentence = marked("铃没有值班台这条通道：没有页面开着也没人知道；请在 bell.toml 里加 console = true 的通道")
        yield bad("console", sentence, Action.to("bell.status", county=county))
    if len(consoles) == len(bell.channels):
        yield bad("console_only", marked("值班台是唯一的铃：请再加一条通道（电话、短信或机器人）"))
    if dead:
        sentence = marked("铃的通道不通：{names}")
        yield bad("bell", sentence, Action.to("bell.status", county=county), names=join_list(dead))
    else:
        yield good("bell", marked("铃的各通道最近都通"))


def _sound(home: Home, county: str) -> Iterator[Finding]:
    consoles = list_consoles(home, county)
    heard = [each for each in consoles if each.audible]
    if heard:
        yield good("sound", marked("有 {count} 个开着的页面能响"), count=len(heard))
    elif consoles:
        yield bad("sound", marked("有 {count} 个页面开着，没有一个能响；请在页面上点“声音”"), count=len(consoles))
    else:
        yield bad("sound", marked("没有开着的值班台页面，或它们一分钟没有说话"))
