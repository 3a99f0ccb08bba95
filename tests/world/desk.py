"""A desk on a port of this machine, in a thread of the test, with an account for each role, and a browser's cookies."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.credentials import Cost, Passwords
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD, SampleAccount, add_sample_accounts
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.app import make_app
from yizhan.desk.desk import ACCOUNTS_FILE, Desk
from yizhan.desk.live import Feed
from yizhan.desk.routes import allowed
from yizhan.desk.serving import Listening, listen, serve
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.runtime.process import StopSignal
from yizhan.services.home import Home
from yizhan.services.stores import open_outbox, read_inbox

CHEAP = Passwords(Cost(memory_kib=64, iterations=1, lanes=1))


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.raw.decode("utf-8", "replace")


@dataclass
class Browser:
    """Requests of somebody who is signed in; ``cookie`` empty: of nobody."""

    host: str
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    name: str = f"yz-{QINGYUAN}"
    """Of the cookie."""

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, /, _fields: Mapping[str, object] | None = None, **headers: str) -> Answer:
        """Send a form, as a page of this desk does."""
        given = {"Origin": f"http://{self.host}", "Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._ask("POST", path, urlencode(_fields or {}, doseq=True).encode(), given)

    @contextlib.contextmanager
    def stream(self, path: str) -> Iterator[Iterator[str]]:
        """Listen to a stream while the block runs; yields its lines."""
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=30)) as connection:
            connection.request("GET", path, headers={"Cookie": f"{self.name}={self.cookie}", **self.headers})
            with connection.getresponse() as answer:
                yield (line.decode() for line in iter(answer.readline, b""))

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a raw body, as a page of this desk does with a file; ``_`` in a header's name is a hyphen."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask(method, path, body, {"Origin": f"http://{self.host}", **given})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        cookies = {"Cookie": f"{self.name}={self.cookie}"} if self.cookie else {}
        connection = http.client.HTTPConnection(self.host, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**cookies, **self.headers, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())


@dataclass
class DeskWorld:
    """A county's desk that runs, with an account for each role."""

    home: Home
    county: str
    accounts: AccountStore
    people: dict[Role, SampleAccount]
    host: str = ""
    in_memory: Station | None = None
    last_cookies: dict[Role, str] = field(default_factory=dict)

    @property
    def station(self) -> Station:
        """The station in memory that brings what arrives; not there where real processes do."""
        assert self.in_memory is not None
        return self.in_memory

    @property
    def address(self) -> str:
        """The address of the desk."""
        return f"http://{self.host}"

    def cookie(self, role: Role) -> str:
        """Sign in somebody of a role; return the cookie: the last one again, once every recovery code is used."""
        person = self.people[role]
        if person.codes:
            code = person.codes.pop()
            self.last_cookies[role] = self.accounts.sign_in(person.badge, PASSWORD, code, utc_now())
        return self.last_cookies[role]

    def browser(self, role: Role | None = None) -> Browser:
        """Return a browser in which somebody of a role is signed in; None: nobody is."""
        return Browser(self.host, "" if role is None else self.cookie(role), name=f"yz-{self.county}")

    def ringing(self) -> tuple[str, ...]:
        """Return the ids of what rings."""
        with read_inbox(self.home, self.county) as inbox:
            assert inbox is not None
            return tuple(each.id for each in inbox.ringing())


def sends(station: Station, reference: str, header: Mapping[str, Any] | None = None, **payload: object) -> str:
    """Let 寿宁 report a fire, and the inbox of 庆元 receive it; return its id."""
    fire = {**FIRE, "external_ref": reference, **(header or {}), "payload": {**FIRE["payload"], **payload}}
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        sent = outbox.publish(parse_draft(fire))
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return sent.id


@contextlib.contextmanager
def running_desk(station: Station, county: str = QINGYUAN) -> Iterator[DeskWorld]:
    """Run a county's desk beside a station in memory while the block runs."""
    with desk_of(Home(station.app.path), county) as world:
        world.in_memory = station
        yield world


@contextlib.contextmanager
def desk_of(home: Home, county: str) -> Iterator[DeskWorld]:
    """Run a county's desk while the block runs."""
    with desk_with_accounts(home, county) as world, serving(world):
        yield world


@contextlib.contextmanager
def desk_with_accounts(home: Home, county: str) -> Iterator[DeskWorld]:
    """Make the accounts of a county's desk, which ``serving`` runs."""
    path = home.county_folder(county) / ACCOUNTS_FILE
    with AccountStore(path, CHEAP) as accounts:
        yield DeskWorld(home, county, accounts, add_sample_accounts(accounts, utc_now()))


@contextlib.contextmanager
def serving(world: DeskWorld, *others: str) -> Iterator[None]:
    """Run the server of a desk while the block runs: on a port of the system's choice, then always on that.

    ``others`` are further hosts, with their ports, by which browsers reach it.
    """
    listening = Listening(port=int(world.host.rpartition(":")[2] or 0))
    with contextlib.closing(listen(listening)) as listener:
        own = f"{listening.host}:{listener.getsockname()[1]}"
        origins = listening.origins(listener, (own, *others))
        feed = Feed(world.home, world.county)
        desk = Desk(world.home, world.county, world.accounts, feed, origins, allowed=allowed())
        stop, ready = StopSignal(), threading.Event()
        arguments = (make_app(desk), listener, listening, stop, ready.set, lambda: None)
        server = threading.Thread(target=serve, args=arguments, name="desk")
        server.start()
        try:
            assert ready.wait(30), "the desk does not answer"
            world.host = origins[0].partition("//")[2]
            yield
        finally:
            stop.set()
            server.join(30)
