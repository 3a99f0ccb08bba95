"""The charter's requirements beyond what TUF checks. Pure.

Rule 1: root and targets are offices of the members, one key each, a majority needed for either.
Rule 2: a delegation is a county's, terminating, and confined to ``counties/<code>/*``.
Rule 3: the files are exactly the three kinds; members in root, delegations and alliance are the same.
Rule 4: a key is used once: one role, one owner; raw public bytes are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.layout import (
    ALLIANCE,
    MEMBER_FIELD,
    POLICY,
    ROOT,
    ROOT_FIELD,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    is_code,
    keys_path,
    majority,
)
from yizhan.charter.rolekeys import raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from securesystemslib.signer import Key
    from tuf.api.metadata import DelegatedRole, Root, Snapshot, Targets

    from yizhan.schemas.charter import Charter


def check_root(root: Root) -> frozenset[str]:
    """Check one root by itself (rules 1 and 4); return the members that it names.

    Raises:
        CharterProblem: says what was expected and what was found.
    """
    if not root.consistent_snapshot:
        raise CharterProblem(CharterFault.FILES, "root does not ask for consistent snapshots; expected that it does")
    offices = {office: _holders(root, office) for office in (ROOT, TARGETS)}
    members = frozenset(offices[ROOT])
    if members != frozenset(offices[TARGETS]):
        odd = ", ".join(sorted(members ^ frozenset(offices[TARGETS])))
        raise CharterProblem(CharterFault.FILES, f"root and targets are held by different members: {odd}")
    for office, holders in offices.items():
        threshold, needed = root.roles[office].threshold, majority(len(holders))
        if threshold < needed:
            sentence = f"{threshold} of {len(holders)} members may change {office}; expected at least {needed}"
            raise CharterProblem(CharterFault.WEAK_MAJORITY, sentence)
    for role in (SNAPSHOT, TIMESTAMP):
        for keyid in root.roles[role].keyids:
            if MEMBER_FIELD in root.keys[keyid].unrecognized_fields:
                raise CharterProblem(CharterFault.KEY_REUSED, f"a member's key signs {role}, which is the station's")
    _once(
        (role, _key(root.keys, keyid, role)) for role, entry in root.roles.items() for keyid in entry.keyids
    )  # fmt: skip
    return members


def check_targets(root: Root, targets: Targets, members: frozenset[str]) -> None:
    """Check the top-level targets and their delegations against root (rules 2 to 4).

    Raises:
        CharterProblem: says what was expected and what was found.
    """
    if targets.targets.keys() != {ALLIANCE, POLICY}:
        raise CharterProblem(
            CharterFault.FILES, f"targets lists {_names(targets.targets)}; expected {ALLIANCE}, {POLICY}"
        )
    delegations = targets.delegations
    if delegations is None or delegations.roles is None:
        raise CharterProblem(CharterFault.DELEGATION, "targets delegates nothing by name; expected one role a member")
    for name, role in delegations.roles.items():
        _confined(name, role)
    if delegations.roles.keys() != members:
        odd = _names(delegations.roles.keys() ^ members)
        raise CharterProblem(CharterFault.FILES, f"members in root and delegations differ: {odd}")
    _once([
        *((role, _key(root.keys, keyid, role)) for role, entry in root.roles.items() for keyid in entry.keyids),
        *(
            (name, _key(delegations.keys, keyid, name))
            for name, role in delegations.roles.items()
            for keyid in role.keyids
        ),
    ])  # fmt: skip


def check_county(code: str, county: Targets) -> None:
    """Check a county's own metadata: its keys file, nothing else, no further delegation.

    Raises:
        CharterProblem: says what was expected and what was found.
    """
    if county.delegations is not None:
        raise CharterProblem(CharterFault.DELEGATION, f"{code} delegates further; expected no delegation")
    if county.targets.keys() != {keys_path(code)}:
        sentence = f"{code} lists {_names(county.targets)}; expected {keys_path(code)} and nothing else"
        raise CharterProblem(CharterFault.DELEGATION, sentence)


def check_snapshot(snapshot: Snapshot, root: Root) -> None:
    """Check that a snapshot was made under a published root.

    Raises:
        CharterProblem: it names a root that does not exist yet.
    """
    named = snapshot.unrecognized_fields.get(ROOT_FIELD)
    if not isinstance(named, int) or named > root.version:
        sentence = f"snapshot {snapshot.version} was made under root {ascii(named)[:20]}; there is root {root.version}"
        raise CharterProblem(CharterFault.MIX_AND_MATCH, sentence)


def check_together(root: Root, targets: Targets, charter: Charter) -> None:
    """Check roles against content: the same members, and no role key that also signs events or seals.

    Raises:
        CharterProblem: says what was expected and what was found.
    """
    members = {root.keys[keyid].unrecognized_fields[MEMBER_FIELD] for keyid in root.roles[ROOT].keyids}
    if members != charter.members.keys():
        odd = _names(members ^ charter.members.keys())
        raise CharterProblem(CharterFault.FILES, f"members in root and in {ALLIANCE} differ: {odd}")
    events: set[bytes] = set().union(*(county.raw for county in charter.counties.values()))
    events |= {entry.key.raw for keys in (charter.postmark, charter.ledger) for entry in keys.values()}
    events |= {entry.key.raw for entry in charter.ledger_mldsa.values()}
    keys = [*root.keys.values(), *(targets.delegations.keys.values() if targets.delegations else ())]
    for key in keys:
        if raw(key) in events:
            sentence = f"role key {key.keyid[:16]}… also signs events or statements; one key, one purpose"
            raise CharterProblem(CharterFault.KEY_REUSED, sentence)


def _holders(root: Root, office: str) -> list[str]:
    """Return the members who hold an office; each may hold one key of it."""
    holders: list[str] = []
    for keyid in root.roles[office].keyids:
        member = _key(root.keys, keyid, office).unrecognized_fields.get(MEMBER_FIELD)
        if not isinstance(member, str) or not is_code(member):
            raise CharterProblem(CharterFault.FILES, f"a key of {office} names no member; expected {MEMBER_FIELD}")
        if member in holders:
            raise CharterProblem(
                CharterFault.KEY_REUSED, f"member {member} has two keys of {office} and would count twice"
            )
        holders.append(member)
    return holders


def _confined(name: str, role: DelegatedRole) -> None:
    if not is_code(name):
        raise CharterProblem(CharterFault.DELEGATION, f"a delegation named {ascii(name)[:40]}; expected a member code")
    if role.paths != [f"counties/{name}/*"]:
        sentence = f"the delegation of {name} reaches {ascii(role.paths)[:120]}; expected counties/{name}/* alone"
        raise CharterProblem(CharterFault.DELEGATION, sentence)
    if not role.terminating:
        raise CharterProblem(
            CharterFault.DELEGATION, f"the delegation of {name} does not end the search; expected a terminating one"
        )


def _key(keys: Mapping[str, Key], keyid: str, role: str) -> Key:
    try:
        return keys[keyid]
    except KeyError:
        raise CharterProblem(CharterFault.FILES, f"{role} names key {ascii(keyid)[:18]}…, which is missing") from None


def _once(uses: Iterable[tuple[str, Key]]) -> None:
    """Refuse a key that occurs twice, whatever its name."""
    seen: dict[bytes, str] = {}
    for role, key in uses:
        public = raw(key)
        if public in seen:
            sentence = f"one key for {seen[public]} and {role} (keyid {key.keyid[:16]}…); one key, one owner, one role"
            raise CharterProblem(CharterFault.KEY_REUSED, sentence)
        seen[public] = role


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(ascii(name)[1:-1][:60] for name in names)) or "nothing"
