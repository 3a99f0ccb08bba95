"""A matter in words and as JSON: its timeline, and the state of its joint work."""

from __future__ import annotations

from typing import Any

from yizhan.schemas.matters import event_role
from yizhan.services.matters import Timeline


def timeline_json(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline for programs."""
    return {
        "threads": [event.header.id for event in timeline.openings],
        "events": [
            {
                "id": event.header.id,
                "hash": event.hash,
                "part": event_role(event, timeline.threads),
                "source": event.header.source,
                "type": event.header.type,
                "time": event.header.time,
                "thread": event.thread,
                "header": event.header,
                "payload": None if event.contents is None else event.contents.raw,
                "words": event.answers,
            }
            for event in timeline.events
        ],
        "standings": timeline.joint_work,
    }
