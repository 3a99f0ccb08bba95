"""The events of a quarter as JSON, and as the Markdown document of ``yizhan.bulletin.quarter_document``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yizhan.bulletin.quarter_document import (
    CheckedManifest,
    QuarterDocument,
    event_counts,
    listed_events,
    mechanism,
    named_events,
    place_text,
)
from yizhan.bulletin.quarter_document import quarter_markdown as markdown_of
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.cli.output import fields_of
from yizhan.consumers.labels import Warn, sentence
from yizhan.schemas.i18n import _
from yizhan.schemas.manifest import Manifest
from yizhan.services.digests import QuarterEvents
from yizhan.services.home import Home


def manifest_kind(manifest: Manifest) -> str:
    """Return what kind of close a manifest is of."""
    if manifest.interim:
        return _("中期")
    return _("零报告") if manifest.count == 0 else _("结算")


def quarter_markdown(home: Home, shown: QuarterEvents) -> str:
    """Return the events of a quarter for people."""
    county, partner = (
        home.localized(home.charters.latest().members[code].name) for code in (shown.county, shown.partner)
    )
    contents, not_listed = shown.contents, shown.contents.not_listed
    manifests = [
        CheckedManifest(each.manifest, each.hash, sentence(each.verdict), [sentence(word) for word in each.warnings])
        for each in contents.digests
    ]
    document = QuarterDocument(
        shown.label, county, partner, shown.made, home.zone, manifests, contents.proven,
        shown.received, shown.sent, shown.replacements, not_listed.others, not_listed.system, not_listed.unverified,
        warning=lambda word: sentence(Warn(word)),
    )  # fmt: skip
    return markdown_of(document)


def quarter_json(shown: QuarterEvents) -> dict[str, Any]:
    """Return the events of a quarter for programs: words, not sentences."""
    contents = shown.contents
    count, prompt = named_events([each.manifest for each in contents.digests])
    return {
        **fields_of(shown, "label county partner made empty"),
        "proven": contents.proven,
        "digests": [
            {
                "manifest": digest.hash,
                **fields_of(digest.manifest, "interim closed count prompt"),
                **fields_of(digest, "verdict warnings"),
            }
            for digest in contents.digests
        ],
        "named": {
            "all": count,
            "prompt": prompt,
            "here": len(shown.received),
            **fields_of(contents.not_listed, "others system unverified"),
        },
        "counts": {
            "in": event_counts(shown.received, shown.replacements),
            "out": event_counts(shown.sent, shown.replacements),
        },
        "in": _events_json(shown, shown.received),
        "out": _events_json(shown, shown.sent),
    }


def _events_json(shown: QuarterEvents, events: Sequence[QuarterEvent]) -> list[dict[str, Any]]:
    names = "id type status time way rule grade summary warnings missing"
    return [
        {
            **fields_of(event, names),
            "mechanism": mechanism(event.type),
            "place": place_text(event),
            "superseded_by": shown.replacements.superseded.get(event.key),
            "withdrawn_by": shown.replacements.withdrawn.get(event.key),
        }
        for event in listed_events(events)
    ]
