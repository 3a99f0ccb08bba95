"""What a person can do next, as a command: the one table from kinds of ``Action`` to command lines.

Rule 1: every kind that a service names stands here (a test goes through all of them).
Rule 2: a parameter that an action does not have leaves its option out; an argument that is missing is shown as ``…``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from yizhan.schemas.actions import Action
from yizhan.schemas.payloads.table import type_name, types_called

COMMANDS: Final[Mapping[str, str]] = {
    "audit.export": "audit export … --statements",
    "audit.verify": "audit verify {where}",
    "audit.verify_without_quorum": "audit verify {where} --not-final",
    "backup.restore_replacing": "restore {folder} --replace",
    "bell.init": "bell init --county {county}",
    "bell.status": "bell status --county {county}",
    "bell.test": "bell test --county {county}",
    "broker.apply": "broker apply",
    "broker.renew": "broker renew",
    "broker.start": "broker start",
    "bulletin.choose_partner": "bulletin make {label} --county {county} --with …",
    "bulletin.edit": "bulletin edit {label} --county {county} --with {partner}",
    "bulletin.make": "bulletin make {label} --county {county} --with {partner} --office FILE",
    "bulletin.overwrite": (
        "bulletin make {label} --county {county} --with {partner} -o {folder} --office {office} --force"
    ),
    "charter.propose": "charter propose --out STICK",
    "charter.renew": "charter propose --renew {role} --out STICK",
    "charter.request": "charter request --county {county} --out FILE",
    "charter.request_ladder": "charter request --county {county} --ladder FILE --out FILE",
    "charter.retire_key": "charter request --county {county} --retire {kid} --out FILE",
    "charter.sign": "charter sign {folder} --county …",
    "charter.update": "charter verify --county {county} --online",
    "charter.verify": "charter verify --anchor …",
    "decision.complete": "done {id} {n} --county {county}",
    "desk.run": "desk run --county {county}",
    "digest.choose_partner": "digest show {label} --county {county} --with …",
    "draft.drop": "draft drop {n} --county {county}",
    "draft.edit": "draft edit {n} --county {county}",
    "draft.list": "draft list --county {county}",
    "draft.new": "new {type} --county {county} --reply-to {reply_to} --updates {updates}",
    "draft.send": "draft send {n} --county {county} --yes",
    "draft.show": "draft show {n} --county {county}",
    "draft.withdraw": "new {type} --county {county} --withdraws {id}",
    "due.list": "due --county {county}",
    "envelope.open_elsewhere": "open … --home …",
    "event.attach": "publish … --attach … --county …",
    "event.reply": "reply {id} {text} --county {county} --name … --badge …",
    "home.start": "up",
    "home.status": "status",
    "inbox.acknowledge": "inbox ack {id} --county {county} --name … --badge …",
    "inbox.background": "inbox run --county {county} --quiet",
    "inbox.files": "inbox files {id} --county {county}",
    "inbox.list": "inbox list --county {county}",
    "inbox.ringing": "inbox list --county {county} --state ringing",
    "inbox.run": "inbox run --county {county}",
    "inbox.save": "inbox save {id} --county {county} -o DIR",
    "inbox.show": "inbox show {id} --county {county}",
    "keys.generate": "keys generate --county {county}",
    "keys.generate_ledger": "keys generate --ledger",
    "keys.generate_station": "keys generate --station",
    "keys.show": "keys show --county {county}",
    "keys.show_ledger": "keys show --ledger",
    "keys.show_station": "keys show --station",
    "ledger.cosign": "ledger cosign --county {county}",
    "ledger.rebuild": "ledger rebuild",
    "ledger.run": "ledger run",
    "ledger.status": "ledger status --county {county}",
    "matter.link": "link {own} {other} --county {county}",
    "matter.show": "story {id} --county {county}",
    "outbox.export": "outbox export … --county {county}",
    "outbox.files": "outbox files --county {county}",
    "outbox.list": "outbox list --county {county}",
    "outbox.run": "outbox run --county {county}",
    "plan.countersign": "countersign {id} --county {county}",
    "plan.name_officers": "countersign {id} --county {county} --office FILE",
    "postings.list": "postings list --county {county}",
    "sample.init": "sample init",
    "schema.show": "schema {name}",
    "station.move": "station move … --to …",
    "station.run": "station run",
    "table.export_type": "export {file} --type … --county {county}",
    "table.import_csv": "import csv {file} {type} --county {county}",
    "table.import_excel": "import excel {file} --county {county}",
    "table.write_template": "template {type}",
}
"""Kind of action → command; ``{name}`` are its parameters."""


def command_of(action: Action) -> str:
    """Return the command that carries out an action."""
    words = []
    pattern = shlex.split(COMMANDS[action.kind])
    for place, word in enumerate(pattern):
        if not word.startswith("{"):
            words.append(word)
            continue
        value = action.params.get(word[1:-1])
        if value is not None and (action.kind, word) == ("draft.new", "{type}"):
            value = _called(value)
        if value is not None:
            words.append(value if value.isalnum() else shlex.quote(value))  # a shell takes 会商 as it is
        elif place and pattern[place - 1].startswith("-"):
            words.pop()
        else:
            words.append("…")
    return " ".join(["yizhan", *words])


def _called(type: str) -> str:
    """Return what a type is called in the language chosen, where a command takes that as one word."""
    found = types_called(type)
    name = type_name(found[0]) if len(found) == 1 else type
    return type if " " in name else name
