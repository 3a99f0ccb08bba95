"""Settings: one flat table, from ``<home>/yizhan.toml`` and ``YIZHAN_…`` in the environment.

Rule 1: the environment wins over the file, the file over the default.
Rule 2: a setting states its default, its unit in its name, and the consequence of a wrong value.
Rule 3: an unknown or unusable setting stops the program by name; nothing is guessed.
Rule 4: without TLS files nothing falls back to plain text; plain text has to be asked for.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import SettingError
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import GOT, expected

FILE_NAME = "yizhan.toml"
PREFIX = "YIZHAN_"

Seconds = Annotated[float, Field(gt=0, le=86_400 * 7)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    """Everything that can be set; use :meth:`load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=False,
    )

    lang: str = "zh_CN"
    """Default zh_CN, or en: the language of what officers read (`yizhan.schemas.i18n`). A slip in
    it is read as zh_CN: a word must not silence an alarm."""

    # -- Kafka --
    bootstrap_servers: Annotated[str, Field(pattern=r"^[^\s,]+:\d{1,5}(,\s*[^\s,]+:\d{1,5})*$")] = "127.0.0.1:9092"
    """Default 127.0.0.1:9092: ``host:port``, several with commas. Wrong: nothing connects; the
    outbox keeps all.
    """
    kafka_security: Literal["mtls", "sasl_ssl", "sasl_plaintext", "plaintext"] = "mtls"
    """Default mtls: certificates from ``tls_dir/<principal>/``. ``sasl_ssl`` needs
    ``tls_dir/ca.pem`` and a password. The two without TLS show who speaks with whom to anyone on
    the wire: for tests on one machine.
    """
    tls_dir: Path = Path("tls")
    """Default tls, relative to the home folder: ``<principal>/{ca,cert,key}.pem``. Wrong: a clear
    error.
    """
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    """Default SCRAM-SHA-512; read only with sasl_ssl and sasl_plaintext. Wrong: the broker refuses
    the login.
    """
    sasl_username: str = ""
    """Default empty: the principal's own name (``county-350924``). Wrong: the broker refuses the
    login.
    """
    sasl_password: SecretStr = SecretStr("")
    """No default. Better in the environment than in the file. Wrong: the broker refuses the
    login.
    """

    # -- metrics (absent = off) --
    metrics_host: str = "127.0.0.1"
    """Default 127.0.0.1. Anything else shows volumes and timing to whoever reaches the port."""
    station_metrics_port: Port | None = None
    """Default off. Taken by another process: the station does not start."""
    outbox_metrics_port: Port | None = None
    """Default off. Taken by another process: the outbox does not start."""
    inbox_metrics_port: Port | None = None
    """Default off. Taken by another process: the inbox does not start."""
    ledger_metrics_port: Port | None = None
    """Default off. Taken by another process: the ledger does not start."""
    cosigner_metrics_port: Port | None = None
    """Default off. Taken by another process: the cosigner does not start."""
    desk_metrics_port: Port | None = None
    """Default off. Taken by another process: the desk does not start."""

    # -- every long-running process --
    watchdog_seconds: Seconds = 60.0
    """Default 60: a worker without progress for so long ends itself. Too short: it ends while a
    broker restarts; too long: a stuck one stays silent.
    """

    # -- a county's desk --
    county: str | None = None
    """Default none: the only county whose keys are in the home. Its code or its name: the county that is meant where
    no command says. Wrong: the command stops and lists the members.
    """
    outlines: Path | None = None
    """Default none: the outlines of the sample alliance. A GeoJSON file of county outlines, relative to the home.
    Wrong: positions are compared with other borders, or the command stops and names the file.
    """

    audit_log: str | None = None
    """Default none: the ledger of this home. Folder (relative to the home) or address of a log that was exported with
    its statements (`yizhan audit export --statements`): what the auditor's pages of the desk check and explain.
    Wrong: they say that there is no log.
    """

    desk_port: Port = 8443
    """Default 8443: where ``yizhan desk run`` listens, and ``yizhan up`` starts it; in a home with the desks of
    several counties the first, by code, has this port, each further one the next. Taken by another process: the desk
    does not start.
    """
    desk_requires_approval: bool = False
    """Default false: what an officer writes at the web desk goes when he sends it. True: it goes when another officer
    has approved it (签发); letters and answers go at once all the same.
    """

    desk_certificate_header: Annotated[str, Field(pattern=r"^[A-Za-z][\w-]*, ?[A-Za-z][\w-]*$")] | None = None
    """Default none: nobody signs in with a certificate. Names of the two headers in which the gateway hands over the
    issuer and the serial number of a certificate that it has checked, such as ``X-Client-Issuer, X-Client-Serial``.
    Believed over a Unix socket only. Wrong: certificates are not found; a gateway that does not set both headers
    itself lets visitors write them.
    """

    # -- a county's outbox --
    outbox_poll_seconds: Seconds = 1.0
    """Default 1: how often the outbox is read without a wakeup. Too long: an alarm waits if the
    wakeup was lost.
    """
    outbox_resend_seconds: Seconds = 30.0
    """Default 30: the station's answer is overdue after this, and the same bytes go again. Too
    short: duplicates on the wire; too long: a lost disk of the broker is mended later.
    """
    receipt_overdue_seconds: Seconds = 120.0
    """Default 120: as above, for the recipient's receipt of what went at once."""
    lane_head_interval_seconds: Seconds = 86_400.0
    """Default one day: how often a county announces its lane heads. Too long: a lost tail shows
    later.
    """

    files_send_bytes_per_second: Annotated[int, Field(ge=16_384, le=1 << 30)] = 4 * 1024 * 1024
    """Default 4 MiB: how fast attached files go out. Above the broker's quota for a county (8 MiB): its
    alarms are slowed with its files.
    """

    # -- a county's inbox --
    files_fetch_bytes_per_second: Annotated[int, Field(ge=16_384, le=1 << 30)] = 16 * 1024 * 1024
    """Default 16 MiB: how fast attached files are fetched. Above half the broker's quota (32 MiB): alarms
    wait for files.
    """
    files_overdue_seconds: Seconds = 900.0
    """Default 900: a sender is asked for chunks again after so long without one, and sends a file again after a
    third of it at the soonest. Too short: it is asked while it still sends; too long: what a broker lost comes
    later.
    """
    receipt_interval_seconds: Seconds = 2.0
    """Default 2: the shortest pause between two cumulative receipts. Too short: receipts outnumber
    events; longer than ``receipt_overdue_seconds``: senders send everything twice.
    """

    # -- the station --
    station_window_events: Annotated[int, Field(ge=1, le=4096)] = 64
    """Default 64: events whose sends may be under way at once. Small: slow; large: more to do again
    after a kill.
    """
    station_parts: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")], ...] = ()
    """Default none: one station serves all members. Names of further parts that share the members with it, such as
    ``["east", "west"]``: ``yizhan broker apply`` makes their topics. A part that is missing here does not start.
    """
    station_session_timeout_seconds: Annotated[float, Field(ge=6, le=300)] = 6.0
    """Default 6, the least that brokers take: a dead worker holds its group so long. Too long: a
    slow takeover.
    """
    station_commit_interval_seconds: Seconds = 0.5
    """Default 0.5: how often offsets are committed. Too long: more is processed again after a
    kill.
    """
    station_tick_seconds: Annotated[float, Field(ge=0, le=60)] = 5.0
    """Default 5: how often the station looks at what is due. Too long: a reminder comes late by so much. 0: not
    at all, time comes from elsewhere (a rehearsal).
    """
    station_patience_seconds: Seconds = 60.0
    """Default 60: a topic whose events cannot be read holds reminders up so long. Too short: a reminder may
    overtake its discharge; too long: one dead partition delays all reminders.
    """
    charter_reload_seconds: Seconds = 1.0
    """Default 1: how often news of the charter is looked for. Too long: a new version is taken up
    late.
    """
    charter_lead_seconds: Seconds = 60.0
    """Default 60: how long before it holds the station announces a version. Less is for tests: a
    reader that has not heard of it yet would judge by the old one.
    """
    charter_folder: Path | None = None
    """Default none: counties follow the charter by their Kafka connection. A folder of the
    station's static files instead, relative to the home. Wrong: ``charter_stale``.
    """

    # -- the ledger, and a county that cosigns --
    ledger_interval_seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    """Default 1: the shortest pause between two checkpoints. Too short: the topic fills with checkpoints and
    six cosignatures for each, 23 kB together; too long: a statement's receipt comes late.
    """
    ledger_patience_seconds: Seconds = 60.0
    """Default 60: a statement that a county holds must be in the log by then. Too short: counties refuse to
    cosign while the ledger restarts; too long: what is left out of the log is noticed late.
    """

    _home: Path = PrivateAttr(default=Path())

    @property
    def home(self) -> Path:
        """The home folder that these settings were loaded for, absolute."""
        return self._home

    @classmethod
    def load(cls, home: Path) -> Self:
        """Read ``<home>/yizhan.toml``, if it is there, and the environment.

        Raises :class:`SettingError`, naming the setting, its value and what was expected.
        """
        path = home / FILE_NAME
        _check_environment()
        try:
            from_file = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            sentence = marked("{path} 不是可读的 TOML 文件；请改正或移走（技术说明：{detail}）")
            raise SettingError(sentence, path=path, detail=error) from error
        if "sasl_password" in from_file and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            sentence = marked("{path} 的权限是 {mode}，别人也能读；请运行 chmod 600 {path}")
            raise SettingError(sentence, path=path, mode=f"{mode:04o}")
        try:
            settings = cls(**from_file)
        except ValidationError as error:
            raise SettingError("{problems}", problems=_Problems(cls, path, error)) from error
        settings._home = home.absolute()
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is the base class's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment before the file (which :meth:`load` hands in as arguments)."""
        return (env_settings, init_settings)

    def connection(self, principal: str) -> KafkaConnection:
        """Return how ``principal`` reaches Kafka (``county-350924``, ``station``, ``admin`` …).

        Raises :class:`SettingError` when a TLS file or the password is missing.
        """
        if self.kafka_security == "plaintext":
            return KafkaConnection(self.bootstrap_servers)
        tls = self.home / self.tls_dir
        if self.kafka_security == "mtls":
            folder = tls / principal
            ca, cert, key = (_present(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
            return KafkaConnection(self.bootstrap_servers, ca, cert, key)
        if not self.sasl_password.get_secret_value():
            sentence = marked("kafka_security={security} 要有口令；请设 {name}")
            raise SettingError(sentence, security=self.kafka_security, name=f"{PREFIX}SASL_PASSWORD")
        return KafkaConnection(
            self.bootstrap_servers,
            ca=_present(tls / "ca.pem") if self.kafka_security == "sasl_ssl" else None,
            sasl_mechanism=self.sasl_mechanism,
            sasl_username=self.sasl_username or principal,
            sasl_password=self.sasl_password.get_secret_value(),
        )


def _present(path: Path) -> Path:
    if not path.is_file():
        sentence = marked("没有文件 {path}；请先生成证书，或把 tls_dir 指到发给您的目录")
        raise SettingError(sentence, path=path, hint=Action.to("broker.start"))
    return path


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Return those that begin as a setting does and are none; ``YIZHAN_HOME`` is the command's."""
    return [
        name
        for name in names
        if name.startswith(PREFIX) and name.upper() not in _VARIABLES and name not in _NOT_SETTINGS
    ]


def _check_environment() -> None:
    """Refuse a misspelt variable, which would be ignored."""
    for name in unknown_variables(sorted(os.environ)):
        near = difflib.get_close_matches(name, _VARIABLES, n=1, cutoff=0.8)
        if near:
            sentence = marked("没有设置 {name}；是 {near} 吗？请改正或去掉")
            raise SettingError(sentence, name=name, near=near[0])


_NOT_SETTINGS = frozenset({PREFIX + "HOME"})
_VARIABLES = frozenset(PREFIX + name.upper() for name in Settings.model_fields)


@dataclass(frozen=True)
class _Problems:
    """What is wrong with settings, put into words where it is shown."""

    settings: type[Settings]
    path: Path
    error: ValidationError = field(repr=False)

    def __str__(self) -> str:
        return _sentences(self.settings, self.path, self.error)


def _sentences(cls: type[Settings], path: Path, error: ValidationError) -> str:
    """Return one sentence for each error: where it is, what was expected, what was found."""
    lines = []
    for item in error.errors():
        name = str(item["loc"][0])
        variable = PREFIX + name.upper()
        where = (
            _("环境变量 {name}").format(name=variable)
            if os.environ.get(variable)
            else _("{path} 里的 {name}").format(path=path, name=name)
        )
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, cls.model_fields, n=1)
            hint = _("；是 {near} 吗？").format(near=near[0]) if near else ""
            lines.append(_("{where}：没有这项设置").format(where=where) + hint)
        else:
            got = "******" if "password" in name else repr(item["input"])
            lines.append(f"{where}: {expected(item)}{_(GOT)}{got}")
    return "\n".join(lines)
