"""A synthetic alliance of any size: counties on a grid, each paired with its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.world.ceremony import Ceremony
from tests.world.simulator import World
from yizhan.charter.signing import may_sign
from yizhan.schemas import strictjson
from yizhan.schemas.sample import SIX, charter_files, sample_alliance, sample_ladders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from securesystemslib.signer import CryptoSigner

    from yizhan.charter.contents import CharterDraft

_WIDTH = 25
"""Counties in one row of the grid."""


class BigWorld(World):
    """So many counties, with the sample's policy and one of its ladders."""

    def __init__(self, count: int, since: datetime) -> None:
        """Make them."""
        super().__init__(tuple(f"{110000 + number:06d}" for number in range(count)), since)

    def _charter_files(self, since: datetime) -> dict[str, bytes]:
        codes, ladder = tuple(self.counties), sample_ladders()[SIX[0]]
        pattern = charter_files({SIX[0]: self.counties[codes[0]].public}, [self.station.public], not_before=since)
        sample = sample_alliance()["members"][0]
        members = [sample | {"code": code, "name": {"zh": f"县{code}", "en": f"County {code}"}} for code in codes]
        alliance = {**strictjson.loads(pattern["alliance.json"]), "members": members, "pairs": self.pairs(codes)}
        files = {"alliance.json": strictjson.dumps(alliance), "policy.json": pattern["policy.json"]}
        for code, county in self.counties.items():
            keys = charter_files({SIX[0]: county.public}, [self.station.public], not_before=since)
            own = strictjson.loads(keys[f"counties/{SIX[0]}/keys.json"]) | {"county": code, "ladder": ladder}
            files[f"counties/{code}/keys.json"] = strictjson.dumps(own)
        return files

    @staticmethod
    def pairs(codes: tuple[str, ...]) -> list[list[str]]:
        """Pair each county with the next in its row and in its column."""
        found = []
        for place, code in enumerate(codes):
            beside = [place + 1] if (place + 1) % _WIDTH else []
            found += [[code, codes[other]] for other in (*beside, place + _WIDTH) if other < len(codes)]
        return found


class BigCeremony(Ceremony):
    """The ceremony of many: each role's bytes are made once, not once for each who signs them."""

    def signed(self, draft: CharterDraft, signers: Iterable[CryptoSigner] | None = None) -> CharterDraft:
        """Sign a draft with everybody's keys."""
        hands = [key for each in self.hands.values() for key in each.all()] if signers is None else signers
        keys = {signer.public_key.keyid: signer for signer in hands}
        content: dict[str, bytes] = {}
        for role, _under, delegator, metadata in may_sign(draft, self.newest):
            for keyid in keys.keys() & {*delegator.get_delegated_role(role).keyids}:
                data = content[role] = content.get(role) or metadata.signed_bytes
                metadata.signatures[keyid] = keys[keyid].sign(data)
        return draft
