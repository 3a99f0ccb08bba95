"""What a desk tells Prometheus."""

from __future__ import annotations

from prometheus_client import REGISTRY

from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role


def value(name: str, **labels: str) -> float:
    """Return a sample, 0 where there is none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_requests_are_counted_by_route_and_class(desk: DeskWorld) -> None:
    """A request counts for its route as the table of routes writes it, so that an address adds no label."""
    before = value("yizhan_desk_requests_total", page="/link/{token}", status="4xx")
    desk.browser().get("/link/anything-a-stranger-writes")
    assert value("yizhan_desk_requests_total", page="/link/{token}", status="4xx") == before + 1


def test_refused_sign_ins_are_counted(desk: DeskWorld) -> None:
    """A wrong password is counted, and nothing says whose it was."""
    before = value("yizhan_desk_sign_ins_refused_total", why="wrong")
    desk.browser().post("/sign-in", {"badge": "331999", "password": "wrong", "code": "000000"})
    assert value("yizhan_desk_sign_ins_refused_total", why="wrong") == before + 1


def test_alarms_on_streams_are_counted(desk: DeskWorld) -> None:
    """An alarm that a stream was told is counted, and a stream that is open is."""
    before = value("yizhan_desk_alarms_shown_total")
    with desk.browser(Role.DUTY).stream("/live") as lines:
        while not next(lines).startswith("event: beat"):
            pass
        assert value("yizhan_desk_open_streams") >= 1
    assert value("yizhan_desk_alarms_shown_total") > before
