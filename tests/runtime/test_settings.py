"""Settings: the environment over the file over the default, and errors that name the setting."""

from __future__ import annotations

import contextlib
import inspect
import os
from pathlib import Path

import pytest

from yizhan.runtime.errors import SettingError
from yizhan.runtime.settings import Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("YIZHAN_"):
            monkeypatch.delenv(name)


def write(home: Path, text: str) -> Path:
    """Write the settings file of a home folder."""
    (home / "yizhan.toml").write_text(text, encoding="utf-8")
    (home / "yizhan.toml").chmod(0o600)
    return home


def test_without_file_and_environment_the_defaults_hold(tmp_path: Path) -> None:
    """An empty home folder is a valid one: loopback, mutual TLS, metrics off."""
    settings = Settings.load(tmp_path)
    assert settings.bootstrap_servers == "127.0.0.1:9092"
    assert settings.kafka_security == "mtls"
    assert settings.inbox_metrics_port is None
    assert settings.home == tmp_path.absolute()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file wins over the default, the environment over the file; an empty variable is none."""
    write(tmp_path, 'bootstrap_servers = "10.0.0.1:1"\nwatchdog_seconds = 7\nlang = "en"\n')
    monkeypatch.setenv("YIZHAN_BOOTSTRAP_SERVERS", "kafka-1:9093, kafka-2:9093")
    monkeypatch.setenv("YIZHAN_WATCHDOG_SECONDS", "")
    monkeypatch.setenv("YIZHAN_HOME", "/elsewhere")
    settings = Settings.load(tmp_path)
    assert settings.bootstrap_servers == "kafka-1:9093, kafka-2:9093"
    assert settings.watchdog_seconds == 7
    assert settings.home == tmp_path.absolute()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watchdog_seconds = -1", "里的 watchdog_seconds: 应大于 0.*；得到 -1"),
        ('inbox_metrics_port = "x"', "里的 inbox_metrics_port: 应为整数；得到 'x'"),
        ("station_metrics_port = 70000", "里的 station_metrics_port: 应不大于 65535；得到 70000"),
        ('bootstrap_server = "a:1"', "没有这项设置；是 bootstrap_servers 吗"),
        ('bootstrap_servers = "no-port"', "应为 主机:端口.*；得到 'no-port'"),
        ('kafka_security = "none"', "应为其中之一：mtls, .*；得到 'none'"),
        ("not toml at all", "不是可读的 TOML 文件"),
    ],
)
def test_a_bad_setting_is_named_with_value_and_expectation(tmp_path: Path, text: str, said: str) -> None:
    """Which setting, where it stands, what came, what was expected."""
    with pytest.raises(SettingError, match=f"(?s){said}"):
        Settings.load(write(tmp_path, text))


def test_a_bad_variable_is_named_as_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says that it stands in the environment."""
    monkeypatch.setenv("YIZHAN_STATION_WINDOW_EVENTS", "many")
    with pytest.raises(SettingError, match="环境变量 YIZHAN_STATION_WINDOW_EVENTS"):
        Settings.load(tmp_path)


def test_a_misspelt_variable_is_not_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing slip stops the program with the name that was meant."""
    monkeypatch.setenv("YIZHAN_BOOTSTRAP_SERVER", "a:1")
    with pytest.raises(SettingError, match="是 YIZHAN_BOOTSTRAP_SERVERS 吗"):
        Settings.load(tmp_path)


def test_a_file_with_a_password_is_its_owners(tmp_path: Path) -> None:
    """Others may read a file of settings, but not one that holds the password."""
    for text, refused in (('lang = "en"', False), ('sasl_password = "hush"', True)):
        (write(tmp_path, text) / "yizhan.toml").chmod(0o644)
        with pytest.raises(SettingError, match="chmod 600") if refused else contextlib.nullcontext():
            Settings.load(tmp_path)


def test_a_password_is_never_repeated(tmp_path: Path) -> None:
    """Neither errors nor the printed settings show it."""
    with pytest.raises(SettingError) as caught:
        Settings.load(write(tmp_path, "sasl_password = 123456"))
    assert "123456" not in str(caught.value)
    settings = Settings.load(write(tmp_path, 'sasl_password = "hush"'))
    assert "hush" not in repr(settings)


def test_missing_certificates_never_mean_plain_text(tmp_path: Path) -> None:
    """Without its files a principal gets an error that says how to make them."""
    with pytest.raises(SettingError, match="请先生成证书"):
        Settings.load(tmp_path).connection("county-350924")


def test_any_other_kafka_by_settings(tmp_path: Path) -> None:
    """Plain text only when asked for; SASL with the principal's name unless another is set."""
    plain = Settings.load(write(tmp_path, 'kafka_security = "plaintext"')).connection("station")
    assert plain.kafka_python() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "PLAINTEXT",
    }
    text = 'kafka_security = "sasl_plaintext"\nsasl_password = "hush"'
    sasl = Settings.load(write(tmp_path, text)).connection("station").kafka_python()
    assert sasl["security_protocol"] == "SASL_PLAINTEXT"
    assert (sasl["sasl_mechanism"], sasl["sasl_plain_username"]) == ("SCRAM-SHA-512", "station")
    with pytest.raises(SettingError, match="SASL_PASSWORD"):
        Settings.load(write(tmp_path, 'kafka_security = "sasl_ssl"')).connection("station")


def test_every_setting_says_what_breaks() -> None:
    """Each setting has its default and consequence in a docstring beneath it."""
    source = Path(inspect.getfile(Settings)).read_text("utf-8")
    for name in Settings.model_fields:
        declaration = source.index(f"    {name}: ")
        following = source[declaration:].split('"""')[1]
        assert "efault" in following, name
