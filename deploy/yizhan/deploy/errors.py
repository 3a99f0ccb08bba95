"""What can go wrong while a broker is set up.

::

    YizhanError
    └── DeployError
        ├── ToolMissing    Java or Maven is not there, or too old
        ├── JarsMissing    Kafka's jars cannot be fetched
        ├── BrokerFailed   the broker does not start, or does not stop
        └── ApplyFailed    the broker refuses topics, access rules or quotas

Rule 1: each says what was expected, what came and what to do.
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class DeployError(YizhanError):
    """Something about the broker or its surroundings is not as it must be."""


class ToolMissing(DeployError):
    """Java or Maven is not there, or too old."""


class JarsMissing(DeployError):
    """Kafka's jars cannot be fetched from the Maven repository."""


class BrokerFailed(DeployError):
    """The broker does not start, or does not stop."""


class ApplyFailed(DeployError):
    """The broker refuses topics, access rules or quotas."""
