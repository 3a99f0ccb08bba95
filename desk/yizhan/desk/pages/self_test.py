"""A page that tries what the desk needs of a browser: for whoever sets up a machine, without an account or content."""

from __future__ import annotations

from starlette.responses import Response

from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now


def self_test(ask: Ask) -> Response:
    """Show the page; its script fills in the words."""
    return ask.page("self_test.html")


def moment(_ask: Ask) -> Response:
    """Answer with one event: the server's time."""
    text = f"event: moment\ndata: {utc_now().isoformat()}\n\n"
    return Response(text, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


PAGES = (
    Page("/self-test", self_test, public=True, unattended=True),
    Page("/self-test/moment", moment, public=True, unattended=True),
)
