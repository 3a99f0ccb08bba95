"""County outlines: the file that the settings name, else those of the sample alliance.

Rule 1: a machine without shapely (extra ``desk``) has no outlines: a position proposes nothing and raises no doubt.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from yizhan.services.errors import ServiceError
from yizhan.services.home import Home

if TYPE_CHECKING:
    from yizhan.producers.geography import Outlines


def home_outlines(home: Home) -> Outlines | None:
    """Return the outlines of a home; None where they cannot be read for want of shapely.

    Raises:
        ServiceError: the file that the settings name holds no outlines.
        OSError: it cannot be read.
    """
    file = home.settings.outlines
    try:
        return _read(None if file is None else home.path / file)
    except ModuleNotFoundError:
        return None


def outlines_geojson(home: Home) -> bytes:
    """Return the file of outlines that the home uses, for drawing; needs no shapely (``OSError`` if unreadable)."""
    file = home.settings.outlines
    sample = files("yizhan.producers").joinpath("data").joinpath("counties.geojson")
    return sample.read_bytes() if file is None else (home.path / file).read_bytes()


def read_outlines(home: Home, file: Path | None) -> Outlines:
    """Return the outlines of a file, or those of the home for None; needs shapely. Errors as ``home_outlines``."""
    chosen = home.settings.outlines
    return _read(file or (None if chosen is None else home.path / chosen))


def _read(path: Path | None) -> Outlines:
    from yizhan.producers.geography import (  # noqa: PLC0415 -- shapely is an optional extra
        OutlinesInvalid,
        sample_outlines,
    )

    if path is None:
        return sample_outlines()
    try:
        return _parsed(path.resolve(), path.stat().st_mtime_ns)
    except OutlinesInvalid as error:
        raise ServiceError("{path}: {error}", path=path, error=error, hint=error.hint) from None


@cache
def _parsed(path: Path, _changed_ns: int) -> Outlines:
    """Read a file once, until it changes."""
    from yizhan.producers.geography import Outlines  # noqa: PLC0415 -- shapely is an optional extra

    return Outlines.from_geojson(path.read_bytes())
