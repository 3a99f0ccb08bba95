"""The commands as processes on a real broker: what a county sends rings, is acknowledged, closes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.desk.writing import Writer
from tests.world.alliance import Alliance, running_station, settle
from tests.world.cluster import Cluster
from tests.world.desk import Browser, desk_of
from tests.world.processes import YIZHAN
from tests.world.station import FIRE
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.desk.accounts.model import Role
from yizhan.schemas import keys
from yizhan.schemas.payloads.table import FOREST_FIRE
from yizhan.schemas.quarters import Quarter
from yizhan.services.home import Home
from yizhan.services.queue import result_of

SENDER, PARTNER = "350722", "331181"


@dataclass
class Desk:
    """The commands of the two counties, in the broker's home."""

    alliance: Alliance
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, *words: str, given: bytes = b"", code: int = 0) -> Any:  # noqa: ANN401 -- JSON is any
        """Run a command to its end; its JSON."""
        done = subprocess.run([*self._command(*words), "--json"], check=False, capture_output=True, input=given)
        assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
        return json.loads(done.stdout or "null")

    def start(self, name: str, *words: str) -> None:
        """Start a command that runs until it is told to stop."""
        with (self.logs / f"{name}.out").open("wb") as out, (self.logs / f"{name}.err").open("wb") as err:
            self.running[name] = subprocess.Popen(self._command(*words), stdout=out, stderr=err)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; its exit status."""
        process = self.running.pop(name)
        process.send_signal(how)
        return process.wait(LIMIT_SECONDS)

    def said(self, name: str) -> list[dict[str, Any]]:
        """Return what a running command has printed as NDJSON."""
        return [json.loads(line) for line in (self.logs / f"{name}.out").read_text("utf-8").splitlines()]

    def _command(self, *words: str) -> list[str]:
        return [*YIZHAN, "--home", str(self.alliance.home), *words]


def hang_bell(folder: Path) -> None:
    """Give a county a bell of one channel, that writes a line a message, and kills its inbox once it is armed."""
    script = folder / "siren"
    dies = f"[ -e {folder}/armed ] && rm {folder}/armed && kill -9 $PPID"
    writes = f"printf '%s\\n' \"$(cat)\" >> {folder}/heard"
    script.write_text(f"#!/bin/sh\n{writes}\n{dies}\nexit 0\n", encoding="utf-8")
    script.chmod(0o700)
    toml = folder / "bell.toml"
    toml.touch(mode=0o600)
    channel = f'[channels.siren]\ncommand = ["{script}"]\ntells = "grade"\n'
    toml.write_text(f'{channel}[rungs]\nduty = ["siren"]\n', encoding="utf-8")


@pytest.fixture(scope="module")
def desk(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Give the two counties their keys, and run the station and their processes."""
    alliance = settle(cluster)
    for code in (SENDER, PARTNER):
        county = alliance.world.counties[code]
        for key in (county.signing, county.sealing):
            keys.save(key, alliance.home / "counties" / code / "keys")
    hang_bell(alliance.home / "counties" / PARTNER)
    made = Desk(alliance, tmp_path_factory.mktemp("desk"))
    with running_station(alliance, made.logs / "station.log"):
        for code in (SENDER, PARTNER):
            made.start(f"outbox-{code}", "outbox", "run", "--county", code)
            made.start(f"inbox-{code}", "inbox", "run", "--county", code, "--json")
        try:
            yield made
        finally:
            for name in list(made.running):
                made.stop(name)


def test_a_fire_rings_at_the_partner_and_its_acknowledgement_comes_back(desk: Desk) -> None:
    """Through five processes: publish, ring, acknowledge, and the sender reads by whom."""
    place = {"county": SENDER}
    fire = {**FIRE, "touches": [PARTNER], "payload": {**FIRE["payload"], "place": place}}
    given = json.dumps(fire, ensure_ascii=False).encode()
    (sent,) = desk.ask("publish", "-", "--county", SENDER, given=given)["accepted"]
    name = f"inbox-{PARTNER}"
    # Other tests' fires may ring here too: the broker is shared.
    (rang,) = until(lambda: [each for each in desk.said(name) if each["item"] and each["item"]["id"] == sent["id"]])
    assert rang["rings"]
    desk.ask("inbox", "ack", sent["id"], "--county", PARTNER, "--name", "李四", "--badge", "654321")

    def acknowledged() -> Any:  # noqa: ANN401 -- JSON is any
        (posting,) = desk.ask("postings", "list", "--county", SENDER)["postings"]
        return posting["said"].get("acknowledged")

    assert until(acknowledged)[0]["payload"]["by"] == {"name": "李四", "badge": "654321"}


def test_a_fire_goes_from_one_web_desk_to_another(desk: Desk) -> None:
    """Written on one county's pages, sealed by its outbox, acknowledged on another's: neither desk holds a key."""
    home = Home(desk.alliance.home)
    with desk_of(home, SENDER) as ours, desk_of(home, PARTNER) as theirs:
        writer = Writer.begins(ours.browser(Role.DUTY), FOREST_FIRE)
        writer.fills_in(FOREST_FIRE, {**FIRE["payload"], "place": {"county": SENDER}, "external_ref": "值班台-1"})
        for name, value in (("what", "seen"), ("how_bad", "urgent"), ("touches", PARTNER)):
            writer.enters(f"header.{name}", value)
        doubts = re.findall(r'name="doubt" value="([a-z_]+)"', writer.browser.get(f"/drafts/{writer.n}/preview").text)
        assert writer.does("send", doubt=doubts).status == 303
        sent = until(lambda: result_of(home, SENDER, writer.n))
        officer = theirs.browser(Role.DUTY)
        until(lambda: officer.get(f"/inbox/{sent.event}").status == 200)
        assert officer.post(f"/inbox/{sent.event}/answer", {"stage": "acknowledged"}).status == 303

        def acknowledged() -> Any:  # noqa: ANN401 -- JSON is any
            postings = desk.ask("postings", "list", "--county", SENDER)["postings"]
            return next(each["said"].get("acknowledged") for each in postings if each["id"] == sent.event)

        badge = theirs.people[Role.DUTY].badge
        assert until(acknowledged)[0]["payload"]["by"] == {"name": theirs.people[Role.DUTY].name, "badge": badge}
        page = until(lambda: _showing(writer.browser, f"/outbox/{sent.event}", badge))
        assert "已签收" in page


def _showing(browser: Browser, path: str, words: str) -> str | None:
    """Return a page once it shows some words."""
    text = browser.get(path).text
    return text if words in text else None


def test_the_bell_rings_through_a_killed_inbox(desk: Desk) -> None:
    """A fire is heard by the county's own channel once; the next one, whose inbox dies before it knows, once more."""
    heard = desk.alliance.home / "counties" / PARTNER / "heard"

    def publish(ref: str) -> str:
        payload = {**FIRE["payload"], "place": {"county": SENDER}}
        fire = {**FIRE, "touches": [PARTNER], "external_ref": ref, "payload": payload}
        given = json.dumps(fire, ensure_ascii=False).encode()
        (sent,) = desk.ask("publish", "-", "--county", SENDER, given=given)["accepted"]
        return str(sent["id"])

    def times(event_id: str) -> int:
        lines = heard.read_text("utf-8").splitlines() if heard.exists() else []
        rings = [ring for line in lines if line for ring in json.loads(line)["rings"]]
        return sum(ring["id"] == event_id and ring["step"] == "alarm" for ring in rings)

    def delivered(event_id: str) -> bool:
        rings = desk.ask("bell", "log", "--county", PARTNER, "--limit", "0")["rings"]
        return any((each["about"], each["step"], each["state"]) == (event_id, "alarm", "delivered") for each in rings)

    def all_heard() -> bool:
        """Return whether no alarm of another test still waits: it would set the siren off."""
        rings = desk.ask("bell", "log", "--county", PARTNER, "--limit", "0")["rings"]
        return all(each["state"] not in {"due", "tried"} for each in rings if each["step"] == "alarm")

    first = publish("铃-1")
    until(lambda: delivered(first) and all_heard())
    name = f"inbox-{PARTNER}"
    (heard.parent / "armed").touch()
    second = publish("铃-2")
    assert desk.running.pop(name).wait(LIMIT_SECONDS) == -signal.SIGKILL
    desk.start(name, "inbox", "run", "--county", PARTNER, "--json")
    third = publish("铃-3")
    until(lambda: delivered(second) and delivered(third))
    assert [times(each) for each in (first, second, third)] == [1, 2, 1]


def test_what_the_station_refuses_is_listed_by_name(desk: Desk) -> None:
    """Quarantine shows origin, reason and first bytes; the sender's postings show what was not its own."""
    (offset,) = desk.alliance.publish(b"no envelope at all", source=SENDER)
    origin = f"yizhan.events.{SENDER}/0/{offset}"

    def refused() -> Any:  # noqa: ANN401 -- JSON is any
        found = desk.ask("quarantine", "list", "--reason", "malformed", "--limit", "0")["quarantine"]
        return [each for each in found if each["origin"] == origin]

    (entry,) = until(refused)
    assert entry["verified"]
    assert bytes.fromhex(entry["first_bytes"]) == b"no envelope at all"
    foreign = until(lambda: desk.ask("postings", "list", "--county", SENDER)["foreign"])
    assert foreign[-1]["why"] == "refused_record_never_sent"


def test_an_interim_digest_reaches_the_county_and_proves_itself(desk: Desk) -> None:
    """Closing on demand waits for the station; the county checks the digest against the manifest."""
    wait = str(int(LIMIT_SECONDS))
    (closed,) = desk.ask("digest", "close", "--county", PARTNER, "--interim", "--wait", wait)["closed"]
    assert closed["manifest"]["interim"]
    label = closed["manifest"]["label"]
    (digest,) = until(lambda: desk.ask("digest", "list", "--county", PARTNER)["digests"])
    assert (digest["manifest"]["label"], digest["verdict"]) == (label, "verified")
    assert desk.ask("digest", "close", "--county", PARTNER, "--due")["not_due"] == [PARTNER]
    assert desk.ask("digest", "close", "--county", PARTNER, code=1) is None  # the quarter is not over
    before = str(Quarter.parse(label).previous())
    for interim in ((), ("--interim",)):  # a slip of a digit takes nothing into a past quarter
        assert desk.ask("digest", "close", "--county", PARTNER, "--label", before, *interim, code=1) is None
    assert desk.ask("digest", "show", label, "--county", PARTNER, "--with", SENDER)["in"]


def test_the_broker_says_that_it_runs(desk: Desk) -> None:
    """Status is asked of the operating system and changes nothing."""
    status = desk.ask("broker", "status")
    assert status["running"]
    assert status["pid"] == desk.alliance.cluster.broker.pid()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("part", ["outbox", "inbox"])
def test_a_process_ends_in_order_when_asked(desk: Desk, part: str, how: signal.Signals, code: int) -> None:
    """SIGTERM is an orderly end, Ctrl-C the same with 130 and a word; nothing is printed that frightens."""
    name = f"{part}-{SENDER}"
    assert desk.stop(name, how) == code
    said = (desk.logs / f"{name}.err").read_text("utf-8")
    assert "Traceback" not in said
    assert ("已中断" in said) == (how == signal.SIGINT)
    desk.start(name, part, "run", "--county", SENDER)
    _ready(desk.logs / f"{name}.err", desk.running[name])


def test_one_process_an_outbox_and_an_inbox(desk: Desk) -> None:
    """A second publisher or reader is refused in a sentence."""
    for part in ("outbox", "inbox"):
        command = [*YIZHAN, "--home", str(desk.alliance.home), part, "run", "--county", PARTNER]
        second = subprocess.run(command, check=False, capture_output=True, env=dict(os.environ))
        assert second.returncode == 1
        assert "另有一个进程" in second.stderr.decode()


def _ready(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process says that it works."""

    def ready() -> bool:
        said = log.read_text("utf-8")
        assert process.poll() is None, said
        return "ready" in said

    until(ready)
