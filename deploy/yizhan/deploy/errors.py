"""Errors while a broker is set up.

::

    YizhanError
    └── DeployError
        ├── ToolMissing    Java or Maven is missing or too old
        ├── JarsMissing    Kafka's jars cannot be fetched
        ├── BrokerFailed   the broker does not start, or does not stop
        ├── ApplyFailed    the broker refuses topics, access rules or quotas
        └── CertificateFailed  a certificate cannot be made or revoked here

Rule 1: each says what was expected, what was found and what to do.
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class DeployError(YizhanError):
    """The broker, or what it needs, cannot be set up."""


class ToolMissing(DeployError):
    """Java or Maven is missing or too old."""


class JarsMissing(DeployError):
    """Kafka's jars cannot be fetched from the Maven repository."""


class BrokerFailed(DeployError):
    """The broker does not start, or does not stop."""


class ApplyFailed(DeployError):
    """The broker refuses topics, access rules or quotas."""


class CertificateFailed(DeployError):
    """A certificate cannot be made or revoked here."""
