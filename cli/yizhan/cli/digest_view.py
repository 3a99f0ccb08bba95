"""Quarters and digests as officers read them."""

from __future__ import annotations

import click

from yizhan.schemas.i18n import _
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.quarters import Quarter


def check_label(label: str | None) -> None:
    """Refuse what is no quarter (``click.UsageError``)."""
    if label is None:
        return
    try:
        Quarter.parse(label)
    except ValueError:
        sentence = _("季度应写作 2026Q4，得到 {value}")
        raise click.UsageError(sentence.format(value=label), click.get_current_context()) from None


def digest_kind(manifest: Manifest) -> str:
    """Return what kind of digest a manifest closes."""
    if manifest.interim:
        return _("中期")
    return _("零报告") if manifest.count == 0 else _("结算")
