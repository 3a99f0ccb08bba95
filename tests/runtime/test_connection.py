"""A connection is the same facts for every client, and TLS never falls away by accident."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yizhan.deploy.certificates import ensure_certificates
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import SettingError


def test_mutual_tls_checks_host_names_and_trusts_one_authority(tmp_path: Path) -> None:
    """The context wants a certificate of the one authority, for the right name."""
    ensure_certificates(tmp_path, ["station"], now=datetime.now(UTC))
    me = tmp_path / "station"
    connection = KafkaConnection("127.0.0.1:1,127.0.0.1:2", me / "ca.pem", me / "cert.pem", me / "key.pem")
    context = connection.ssl_context()
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    arguments = connection.kafka_python()
    assert arguments["bootstrap_servers"] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert arguments["security_protocol"] == "SSL"


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    """The error lists the files and says where they come from."""
    bad = tmp_path / "ca.pem"
    for content in (None, b"", b"not a certificate"):
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(SettingError, match=r"ca\.pem.*请重新生成"):
            KafkaConnection("127.0.0.1:1", bad).ssl_context()


def test_a_password_is_not_shown() -> None:
    """Printing a connection does not print its password."""
    connection = KafkaConnection("a:1", sasl_mechanism="PLAIN", sasl_password="hush")  # noqa: S106
    assert "hush" not in repr(connection)
    assert connection.security_protocol == "SASL_PLAINTEXT"
