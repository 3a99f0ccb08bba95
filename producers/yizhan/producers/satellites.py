"""Satellites by their names, and the name of one detection, the same in every product."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

SATELLITES: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("T", "TERRA", "EOSAM1"), ("T", "Terra")),
    **dict.fromkeys(("A", "AQUA", "EOSPM1"), ("A", "Aqua")),
    **dict.fromkeys(("N", "NPP", "SNPP", "SUOMINPP", "SUOMI"), ("N", "Suomi NPP")),
    **dict.fromkeys(("N20", "1", "NOAA20", "J1", "JPSS1", "J01"), ("N20", "NOAA-20")),
    **dict.fromkeys(("N21", "2", "NOAA21", "J2", "JPSS2", "J02"), ("N21", "NOAA-21")),
}
"""Text of the column, in capitals without blanks, hyphens and underscores → (short name, name)."""
_COMMON: Final = Decimal("0.0001")
"""Degrees to which the coarsest product gives a position."""
_REFERENCE: Final = re.compile(r"firms:([^:]+):([0-9]{8}T[0-9]{4}Z):(-?[0-9.]+),(-?[0-9.]+)")


def reference_of(satellite: str, at: str, latitude: str, longitude: str) -> str:
    """Name a detection; ``at`` as ``20220403T0251Z``, degrees as they are written."""
    # Half away from zero, as products are rounded; of the digits that are written, not of the nearest binary number.
    y, x = (Decimal(each).quantize(_COMMON, ROUND_HALF_UP) for each in (latitude, longitude))
    return f"firms:{satellite}:{at}:{y},{x}"


def canonical_reference(external_ref: str) -> str:
    """Return the reference under which a detection is known today; earlier versions wrote five decimals.

    >>> canonical_reference("firms:T:20220404T0300Z:27.17004,120.36673")
    'firms:T:20220404T0300Z:27.1700,120.3667'
    """
    match = _REFERENCE.fullmatch(external_ref)
    try:
        return external_ref if match is None else reference_of(satellite_of(match[1]), match[2], match[3], match[4])
    except ArithmeticError:
        return external_ref


def satellite_of(name: str) -> str:
    """Return the short name of a satellite; of an unknown one the name in its one spelling."""
    plain = re.sub("[ _-]", "", name).upper()
    return SATELLITES.get(plain, (plain, ""))[0]
