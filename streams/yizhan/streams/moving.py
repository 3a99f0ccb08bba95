"""Moves members from one part of the station to another, while neither part runs.

Rule 1: the new part begins where the old one stopped: its group gets the old group's committed offsets, its table the
        old table's obligations and progress, and it reads the audit from where either table ends.
Rule 2: the assignment is written last. Killed before it, the members stay where they were, and the move can be done
        again; after it, they are moved. A record that the old part handled and did not commit has a postmark in the
        audit, and keeps it: nothing is said twice in two ways.
Rule 3: what the old part has read of other parts' observations, the new one reads again from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from yizhan.runtime import clients
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import marked
from yizhan.schemas.obligation_state import ObligationState
from yizhan.streams.cluster import CLIENT, Cluster
from yizhan.streams.errors import StationError
from yizhan.streams.followups_kafka import PartState, read_state
from yizhan.streams.obligation_table import ObligationTable, Progress, TableRows, TableWriter
from yizhan.streams.parts import Share

if TYPE_CHECKING:
    from yizhan.runtime.connection import KafkaConnection
    from yizhan.schemas.charter import Charters

_ANSWER_SECONDS: Final = 30.0
_IDLE: Final = frozenset({"Empty", "Dead"})


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part of the station: the members that it serves, whether a process works for it, and what it has to read."""

    part: str
    members: tuple[str, ...]
    running: bool
    behind: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Members that were moved from one part, and with how many obligations."""

    members: tuple[str, ...]
    source: str
    obligations: int


def part_status(cluster: Cluster, members: Iterable[str], parts: Sequence[str]) -> list[PartStatus]:
    """Return every part (``StationError`` if Kafka does not answer)."""
    assigned, codes = cluster.assigned(), tuple(members)
    found = []
    for part in dict.fromkeys([topics.MAIN, *parts, *(assigned or {}).values()]):
        share = Share.of(codes, part, assigned)
        lag = cluster.lag(share.sources, cluster.committed(share.sources, share.group)) if share.serves else {}
        found.append(PartStatus(part, share.serves, _running(cluster, share), sum(lag.values())))
    return found


def move(
    connection: KafkaConnection, charters: Charters, cluster: Cluster, members: Sequence[str], to: str
) -> list[Moved]:
    """Move members to a part; return what was moved from where. Again moves nothing.

    Raises:
        StationError: a part that is concerned still runs, a topic is missing, or Kafka does not answer.
    """
    everybody, assigned = tuple(charters.latest().members), cluster.assigned()
    if assigned is None:
        raise StationError(
            marked("还没有建立驿站各部分的主题；请先在设置中列出各部分，再应用"), hint=Action.to("broker.apply")
        )
    cluster.check_topics([topics.followups(to), topics.ticks(to), topics.OBSERVATIONS])
    sources = dict.fromkeys(assigned.get(code, topics.MAIN) for code in members)
    moved = []
    for source in sources:
        codes = tuple(code for code in members if assigned.get(code, topics.MAIN) == source != to)
        if codes:
            shares = [Share.of(everybody, part, assigned) for part in (source, to)]
            _check_idle(cluster, shares)
            moved.append(_move(connection, charters, cluster, codes, (shares[0], shares[1])))
            assigned |= dict.fromkeys(codes, to)
    return moved


def _running(cluster: Cluster, share: Share) -> bool:
    found = cluster.coordinated(lambda: cluster.admin.describe_groups([share.group]))[share.group]
    return str(found["group_state"]) not in _IDLE


def _check_idle(cluster: Cluster, shares: Iterable[Share]) -> None:
    for share in shares:
        if _running(cluster, share):
            sentence = marked("驿站的“{part}”部分还在运行；请先停止它，几秒后再试")
            raise StationError(sentence, part=share.part)


def _move(
    connection: KafkaConnection,
    charters: Charters,
    cluster: Cluster,
    members: tuple[str, ...],
    shares: tuple[Share, Share],
) -> Moved:
    source, target = shares
    identity = cluster.id()
    old, new = (read_state(cluster, charters, share, identity) for share in shares)
    obligations = _concerning(members, old.table, new.table)
    rows = TableRows(new.table.obligations, new.table.keys).changes(obligations)
    writer = TableWriter(new.table.rows, new.table_end)
    records = writer.records(rows, _progress(members, old, new))
    with _producer(connection) as send:
        for key, value in records:
            send(topics.followups(target.part), key, value)
        # Kill point: the new part does not serve the members, its table may know of their obligations.
        _commit(cluster, members, source, target, old, new)
        # Kill point: nor does it read from these offsets.
        for code in members:
            send(topics.PARTS, code.encode(), target.part.encode())
    return Moved(members, source.part, len(obligations))


def _concerning(
    members: Sequence[str], old: ObligationTable, new: ObligationTable
) -> dict[str, ObligationState | None]:
    """Return what the new part has to know: what its new members owe, as the old part left it, and what it lacks."""
    found = dict[str, ObligationState | None]()
    for name, each in old.obligations.items():
        about = "" if each.about is None else each.about.id[:6]
        if each.owes[0] in members or (name not in new.obligations and {*each.owes, *each.owed, about} & set(members)):
            found[name] = each
    return found


def _progress(members: Sequence[str], old: PartState, new: PartState) -> Progress:
    """Return the new part's progress: it goes on where the old part stopped, and reads again what either lacks."""
    before, after = old.table.progress, new.table.progress
    own = {topics.events(code): before.next.get(topics.events(code), 0) for code in members}
    seen = {topics.OBSERVATIONS: min(each.next.get(topics.OBSERVATIONS, 0) for each in (before, after))}
    fresh = after == Progress()
    return Progress(
        next=after.next | own | seen,
        audit=before.audit if fresh else min(before.audit, after.audit),
        at=max((each for each in (before.at, after.at) if each), default=None),
    )


def _commit(
    cluster: Cluster, members: Sequence[str], source: Share, target: Share, old: PartState, new: PartState
) -> None:
    places = {topics.events(code): old.handled[topics.events(code)] for code in members}
    places[topics.OBSERVATIONS] = min(state.handled.get(topics.OBSERVATIONS, 0) for state in (old, new))
    offsets = {TopicPartition(name, 0): OffsetAndMetadata(at, "", -1) for name, at in places.items()}
    try:
        answers = cluster.coordinated(lambda: cluster.admin.alter_group_offsets(target.group, offsets))
        failed = [each for each in answers.values() if getattr(each, "errno", 0)]
    except KafkaError as error:
        failed = [error]
    if failed:
        sentence = marked("驿站的“{part}”部分没有得到读到的位置（{failed}）；成员仍在“{source}”部分，请再试一次")
        raise StationError(sentence, part=target.part, source=source.part, failed=str(failed)[:200])


@contextlib.contextmanager
def _producer(connection: KafkaConnection) -> Any:  # noqa: ANN401 -- a function: topic, key, value
    with contextlib.closing(
        clients.client(
            KafkaProducer,
            connection,
            CLIENT,
            acks="all",
            enable_idempotence=True,
            max_request_size=topics.STATION_MAX_BYTES,
        )
    ) as producer:

        def send(topic: str, key: bytes, value: bytes | None) -> None:
            producer.send(topic, key=key, value=value, partition=0).get(timeout=_ANSWER_SECONDS)

        yield send
