"""Makes a picture of a screen small without a library for pictures: a palette of 256 colours, well compressed.

Rule 1: the colours that most of the picture has stay exactly; the others, edges of letters, become the nearest one.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOURS: Final = 256
Bytes = NDArray[np.uint8]


def shrink(png: bytes) -> bytes:
    """Return a PNG with a palette of what a PNG of 8-bit colours shows (PNG, W3C 2003; ``ValueError`` for others)."""
    chunks = dict(_chunks(png))
    width, height, depth, kind, _compression, _filter, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or kind not in {2, 6} or interlaced:  # noqa: PLR2004 -- RGB, RGBA
        message = f"expected 8-bit RGB or RGBA, got depth {depth}, colour type {kind}, interlacing {interlaced}"
        raise ValueError(message)
    pixels = _unfiltered(zlib.decompress(chunks[b"IDAT"]), width, height, 3 if kind == 2 else 4)[:, :, :3]  # noqa: PLR2004
    palette, indices = _quantised(pixels)
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with filter 0
    rows[:, 1:] = indices
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    parts = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", body), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(*part) for part in parts)


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name = png[at + 4 : at + 8]
        found[name] = found.get(name, b"") + png[at + 8 : at + 8 + length]
        at += length + 12
    return list(found.items())


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _unfiltered(data: bytes, width: int, height: int, channels: int) -> Bytes:
    stride = width * channels
    rows, above = [], bytearray(stride)
    for y in range(height):
        begin = y * (stride + 1)
        above = _undo(data[begin], bytearray(data[begin + 1 : begin + 1 + stride]), above, channels)
        rows.append(np.frombuffer(bytes(above), np.uint8).reshape(width, channels))
    return np.stack(rows)


def _undo(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    """Undo the filter of a row (PNG, 9.2)."""
    for x in range(len(row) if kind else 0):
        left, corner = (row[x - step], above[x - step]) if x >= step else (0, 0)
        up = above[x]
        if kind == 1:
            guess = left
        elif kind == 2:  # noqa: PLR2004 -- Up
            guess = up
        elif kind == 3:  # noqa: PLR2004 -- Average
            guess = (left + up) >> 1
        else:
            guess = _paeth(left, up, corner)
        row[x] = (row[x] + guess) & 255
    return row


def _paeth(left: int, up: int, corner: int) -> int:
    by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if by_left <= by_up and by_left <= by_corner:
        return left
    return up if by_up <= by_corner else corner


def _quantised(pixels: Bytes) -> tuple[Bytes, NDArray[Any]]:
    """Return a palette and the place in it of each pixel's colour."""
    packed = (pixels.astype(np.uint32) << np.array([16, 8, 0], dtype=np.uint32)).sum(axis=2)
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    chosen = colours[np.argsort(counts)[::-1][:_COLOURS]]
    palette, all_of_them = (
        np.stack([each >> 16 & 255, each >> 8 & 255, each & 255], axis=1).astype(np.int32) for each in (chosen, colours)
    )
    nearest = np.array([((palette - colour) ** 2).sum(axis=1).argmin() for colour in all_of_them])
    return palette.astype(np.uint8), nearest[places].reshape(packed.shape)
