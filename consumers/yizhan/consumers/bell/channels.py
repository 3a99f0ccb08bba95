"""Channels that carry a message out. The one file that imports Apprise.

Rule 1: a channel that fails or exceeds its timeout is reported, and not waited for.
Rule 2: no log line or error repeats an address: neither ours, nor Apprise's, nor those of the libraries it uses.
Rule 3: a message counts as delivered only if the other side confirms it: WeCom and DingTalk refuse with HTTP 200, by an
        ``errcode``.
Rule 4: a command gets no shell, no terminal and none of our variables; the message is JSON on its standard input.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from yizhan.consumers.bell.message import Message
from yizhan.consumers.bell.settings import BellSettings, Channel
from yizhan.consumers.errors import ChannelFailed
from yizhan.runtime.errors import SettingError
from yizhan.schemas.i18n import marked

DELIVERED: Final = "delivered"
FAULT: Final = "fault"
MOST_HANGING: Final = 4
"""Sends of one channel that may hang before it is not tried again until one of them ends."""
log = logging.getLogger(__name__)
_ALWAYS_200: Final = ("wecombot", "dingtalk")
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "DISPLAY", "XDG_RUNTIME_DIR")


def ready_channels(settings: BellSettings) -> Mapping[str, ReadyChannel]:
    """Prepare every channel.

    Raises:
        SettingError: Apprise does not know an address, or is not installed; the sentence names the channel.
    """
    return {name: ReadyChannel(name, channel) for name, channel in settings.channels.items()}


def attempt(channel: ReadyChannel, message: Message) -> str:
    """Send, and return the outcome: ``delivered``, or a code for the reason. Never raises."""
    try:
        channel.send(message)
    except ChannelFailed as failed:
        log.warning("channel %s did not carry a message: %s", channel.name, failed)
        return str(failed)
    except Exception:
        log.exception("channel %s: a fault of this program", channel.name)
        return FAULT
    return DELIVERED


class ReadyChannel:
    """One channel, ready to send; may be used by several threads."""

    def __init__(self, name: str, channel: Channel) -> None:
        """Check that the channel can be used (raises as ``ready_channels``)."""
        self.name, self.channel = name, channel
        self._hanging, self._lock = 0, threading.Lock()
        if channel.url is not None:
            if importlib.util.find_spec("apprise") is None:
                sentence = marked("通道 {name} 要用 Apprise，这里没有装；请安装 yizhan[bell]")
                raise SettingError(sentence, name=name)
            _silence()
            _read_refusals()
            if not len(self._sender()):
                sentence = marked("通道 {name} 的地址 Apprise 不认识；请对照它的说明改正（地址是秘密，这里不显示）")
                raise SettingError(sentence, name=name)

    def send(self, message: Message) -> None:
        """Send, or raise with the reason.

        Raises:
            ChannelFailed: its words are ``refused``, ``timeout``, ``hanging``, ``no console``, ``exit N`` or the
                system's.
        """
        if self.channel.console:
            raise ChannelFailed("no console")  # a page shows what is in the inbox, and no other message
        if self.channel.command is not None:
            _run(self.channel.command, message, self.channel.timeout_seconds)
            return
        if self._hanging >= MOST_HANGING:
            raise ChannelFailed("hanging")
        sending = _Sending(self, message)
        sending.start()
        sending.join(self.channel.timeout_seconds)
        with self._lock:
            if not sending.over:
                sending.given_up = True
                self._hanging += 1
                raise ChannelFailed("timeout")
        if not sending.taken:
            raise ChannelFailed("refused")

    def notify(self, message: Message) -> bool:
        """Send by Apprise; return whether the other side accepted it. Exceptions may hold the address: not logged."""
        with contextlib.suppress(Exception):
            # Plain text: a partner's text must not become HTML in a mail or Markdown in a chat.
            return bool(self._sender().notify(title=message.title, body=message.body, body_format="text"))
        return False

    def ended(self, sending: _Sending) -> None:
        """Record that a send returned, in time or not."""
        with self._lock:
            sending.over = True
            self._hanging -= sending.given_up

    def _sender(self) -> Any:  # noqa: ANN401 -- apprise.Apprise
        """Return a new sender: one waits between two messages and is for one thread."""
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 -- a county without such channels need not have it

        asset = AppriseAsset(app_id="Yizhan", app_desc="Yizhan", app_url="", secure_logging=True)
        sender = Apprise(asset=asset)
        if self.channel.url is not None:
            sender.add(self.channel.url.get_secret_value())
        for plugin in sender:
            plugin.socket_connect_timeout = plugin.socket_read_timeout = self.channel.timeout_seconds
        return sender


class _Sending(threading.Thread):
    """One message being sent; it cannot be interrupted."""

    def __init__(self, channel: ReadyChannel, message: Message) -> None:
        super().__init__(name=f"bell-{channel.name}", daemon=True)
        self._channel, self._message = channel, message
        self.over = self.taken = self.given_up = False

    def run(self) -> None:
        try:
            self.taken = self._channel.notify(self._message)
        finally:
            self._channel.ended(self)


def _silence() -> None:
    """Keep addresses out of the log: these libraries log them."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False


def _read_refusals() -> None:
    """Make the plugins that accept every HTTP 200 read the refusal in it (Apprise 2.3)."""
    import requests  # noqa: PLC0415 -- comes with Apprise

    def post(*arguments: Any, **how: Any) -> requests.Response:  # noqa: ANN401 -- as requests.post
        answer = requests.post(*arguments, **how)  # noqa: S113 -- the plugin gives the timeout
        with contextlib.suppress(ValueError):
            body = answer.json()
            if isinstance(body, dict) and body.get("errcode"):
                raise requests.RequestException("refused")
        return answer

    heard = SimpleNamespace(post=post, codes=requests.codes, RequestException=requests.RequestException)
    for name in _ALWAYS_200:
        vars(importlib.import_module(f"apprise.plugins.{name}"))["requests"] = heard


def _run(command: tuple[str, ...], message: Message, timeout_seconds: float) -> None:
    document = json.dumps({"title": message.title, "body": message.body, **message.event}, ensure_ascii=False)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
        )
    except OSError as error:
        raise ChannelFailed(os.strerror(error.errno or 0)) from None
    try:
        process.communicate(document.encode(), timeout_seconds)
    except subprocess.TimeoutExpired:
        raise ChannelFailed("timeout") from None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise ChannelFailed(f"exit {process.returncode}")
