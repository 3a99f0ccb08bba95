"""A synthetic alliance of any size: counties on a grid, each paired with its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.world.simulator import World
from yizhan.schemas import strictjson
from yizhan.schemas.sample import SIX, charter_files, sample_alliance, sample_ladders

if TYPE_CHECKING:
    from datetime import datetime

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
