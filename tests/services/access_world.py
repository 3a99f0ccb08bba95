"""The home of the test of the access log: 庆元 received what 寿宁 sealed, with a marker in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.schemas.payloads.examples import BULLETIN, CONSULTATION, PLAN
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station
from yizhan.consumers.files import FileStore
from yizhan.producers.drafts import Office, parse_draft
from yizhan.producers.files import FOLDER
from yizhan.runtime import access_log
from yizhan.schemas.files import read_record, write_record
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.quarters import Quarter
from yizhan.services.actor import Actor
from yizhan.services.attachments import attach_files
from yizhan.services.bulletin_reading import BulletinKey
from yizhan.services.home import Home
from yizhan.services.sample import make_sample
from yizhan.services.stores import open_inbox, open_outbox, outbox_path, read_outbox

MARKER = "marker-7421"
"""Stands in what a partner sealed, and nowhere else."""
OFFICER = Person(name="李四", badge="654321")
SIGNERS = Office.model_validate(
    {"org_code": "331126000000", "contact": {"name": "李四", "phone": "0578-6122110"}}
    | dict.fromkeys(("drafted_by", "reviewed_by", "signed_off_by"), OFFICER)
)


class NoPassphrase:
    """Gives no passphrase: the keys of the sample have none."""

    given = False

    def passphrase(self, path: Path) -> bytes:
        """Refuse."""
        raise AssertionError(path)

    def new(self, *, ask: bool) -> bytes | None:
        """Give none: nothing here makes keys."""
        return b"unused" if ask else None

    def skipped(self, path: Path) -> None:
        """Refuse."""
        raise AssertionError(path)


@dataclass
class Case:
    """A home whose county 庆元 received events with the marker, and what the examples need."""

    home: Home
    folder: Path
    fire: str
    plan: str
    minutes: str
    theirs: str
    own: str
    label: str
    envelope: bytes
    actor: Actor = field(default_factory=lambda: Actor("test (1000)", "test", OFFICER))
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def key(self) -> BulletinKey:
        """Return the bulletin of the running quarter."""
        return BulletinKey(self.label, QINGYUAN, SHOUNING)

    def log(self, county: str = QINGYUAN) -> Path:
        """Return where a county's access log is."""
        return self.home.county_folder(county) / access_log.FILE


def make_case(folder: Path) -> Case:
    """Make a home where 庆元 received a fire, a plan and minutes of 寿宁, and sent a fire that was answered."""
    make_sample(folder / "home", (SHOUNING, QINGYUAN), datetime.now(UTC))
    home, station = Home(folder / "home"), Station(folder / "home")

    def publish(county: str, content: dict[str, Any]) -> str:
        with open_outbox(home, county, NoPassphrase()) as outbox:
            return outbox.publish(parse_draft(content)).id

    def letter(kind: str, payload: dict[str, Any], **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
        content = {name: value for name, value in payload.items() if name != "external_ref"}
        return {"type": f"yizhan.{kind}.v1", "to": [QINGYUAN], "payload": content | {"summary": MARKER}, **attributes}

    (folder / "map.txt").write_text(MARKER, "utf-8")
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        content = FIRE | {"payload": FIRE["payload"] | {"summary": MARKER}}
        fire = outbox.publish(attach_files(outbox, parse_draft(content), [str(folder / "map.txt")])).id
    plan = publish(SHOUNING, letter("patrol.plan", PLAN))
    minutes = publish(SHOUNING, letter("liaison.consultation", CONSULTATION, stage="final"))
    label = str(Quarter.containing(datetime.now(UTC), home.charter.time_zone))
    theirs = publish(SHOUNING, letter("intelligence.bulletin", BULLETIN | {"label": label}))
    place = {"county": QINGYUAN}
    own = publish(QINGYUAN, FIRE | {"touches": [SHOUNING], "payload": FIRE["payload"] | {"place": place}})
    for county in (SHOUNING, QINGYUAN):
        station.carry(county)
    for county in (SHOUNING, QINGYUAN):
        station.deliver(county)
    with read_outbox(home, SHOUNING) as reader:
        event = None if reader is None else reader.event(fire)
    assert event is not None
    with open_inbox(home, SHOUNING, NoPassphrase()) as inbox:
        inbox.acknowledge(own, "张三", "123456", note=MARKER)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    receive_files(home, QINGYUAN, SHOUNING)
    station.log()
    (folder / "map.txt").unlink()
    return Case(home, folder, fire, plan, minutes, theirs, own, label, event.envelope or b"")


def receive_files(home: Home, county: str, sender: str) -> None:
    """Let a county have the chunks of every file that a sender sealed, as if they had come by Kafka."""
    with open_inbox(home, county, NoPassphrase()) as inbox, FileStore(inbox.path) as files:
        files.want(inbox.carriers(0))
        sealed = outbox_path(home, sender)
        for leaves in sealed.with_name(sealed.name + FOLDER).glob("*.leaves"):
            hashes, chunk = leaves.read_bytes(), leaves.with_suffix("").read_bytes()
            record = write_record(bytes.fromhex(leaves.stem), 0, [hashes], chunk)
            files.keep("memory", sender, [read_record(record)], 1)
