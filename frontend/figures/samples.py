"""A probe sample as a small picture."""

import base64
import struct
import zlib


def picture(values: list[float], shape: list[int]) -> str | None:
    """A PNG data address of a sample ``(1 or 3, height, width)``; nothing for other shapes."""
    if len(shape) != 3 or shape[0] not in (1, 3) or not values:
        return None
    channels, height, width = shape
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    levels = bytes(int(255 * (v - low) / span) for v in values)
    plane = height * width
    rows = []
    for y in range(height):
        row = bytearray([0])
        for x in range(width):
            row += bytes(levels[c * plane + y * width + x] for c in range(channels))
        rows.append(bytes(row))
    kind = 0 if channels == 1 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(b"".join(rows))),
            _chunk(b"IEND", b""),
        ]
    )
    return "data:image/png;base64," + base64.b64encode(body).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
