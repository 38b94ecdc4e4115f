"""Matrices as files: CSV, JSON, arrays."""

import csv
import io
import json
import math
from typing import Any

import numpy as np

from kinscape.backend.actions.matrices import MatrixArrays
from kinscape.backend.contracts.matrices import CompactHeader, PackedHeader


def as_csv(matrix: MatrixArrays, about: dict[str, Any]) -> str:
    """One line per cell, with interval; text that a spreadsheet would run is made harmless.

    Args:
        about: what the numbers depend on; JSON in the last column of the first line.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["measure", "layer", "a", "b", "value", "low", "high", "reason", "provenance"])
    header, told = matrix.header, json.dumps(about)
    for (i, j), code in np.ndenumerate(matrix.told):
        a = header.labels[i]
        b = header.labels[j] if matrix.told.shape[1] > 1 else a
        numbers = [text(float(grid[i, j])) for grid in (matrix.values, matrix.low, matrix.high)]
        reason = "" if code < 0 else matrix.reasons[code].sentence
        writer.writerow([header.measure, header.layer or "", *map(harmless, (a, b)), *numbers, harmless(reason), told])
        told = ""
    return out.getvalue()


def text(number: float) -> str:
    """A number as a spreadsheet reads it; nothing where there is none."""
    return "" if math.isnan(number) else repr(number)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_json(matrix: MatrixArrays, about: dict[str, Any]) -> str:
    """Labels, values with intervals as nested lists, null where there is no number, and what they depend on."""
    header = matrix.header

    def plain(grid: np.ndarray[Any, Any]) -> list[list[float | None]]:
        return [[None if math.isnan(v) else v for v in row] for row in grid.tolist()]

    return json.dumps(
        {
            "measure": header.measure,
            "layer": header.layer,
            "labels": header.labels,
            "values": plain(matrix.values),
            "low": plain(matrix.low),
            "high": plain(matrix.high),
            "n": header.n,
            "role": header.role,
            "method": header.method,
            "reasons": [m.model_dump() for m in matrix.document().missing],
            "provenance": about,
        },
        indent=1,
    )


def as_npz(matrix: MatrixArrays, about: dict[str, Any] | None = None) -> bytes:
    """Numpy's archive of ``values``, ``low``, ``high`` (float64), ``reasons`` (int32) and ``header`` (UTF-8 JSON).

    Args:
        about: what the numbers depend on; ``provenance`` of the header.
    """
    document = PackedHeader(**dict(matrix.header), reasons=matrix.reasons).model_dump(mode="json")
    header = json.dumps(document | ({"provenance": about} if about else {})).encode()
    out = io.BytesIO()
    np.savez(
        out,
        values=matrix.values,
        low=matrix.low,
        high=matrix.high,
        reasons=matrix.told.astype(np.int32),
        header=np.frombuffer(header, np.uint8),
    )
    return out.getvalue()


def as_float32(matrix: MatrixArrays, *, is_triangle: bool) -> bytes:
    """What a browser draws: half the size of an archive, or a quarter where a triangle is all there is.

    Little-endian throughout: the length of the header (uint32), the header (UTF-8 JSON, padded with spaces to a
    multiple of four bytes), ``values``, ``low`` and ``high`` (float32), and ``reasons`` (int16; left out where every
    place has a number). Of a triangle only the places on and above the diagonal are sent, row by row.
    """
    rows, columns = matrix.values.shape
    some = np.triu_indices(rows) if is_triangle else np.indices((rows, columns)).reshape(2, -1)
    where = (some[0], some[1])
    has_reasons = bool((matrix.told >= 0).any())
    header = CompactHeader(
        **dict(matrix.header),
        reasons=matrix.reasons if has_reasons else [],
        columns=columns,
        is_triangle=is_triangle,
        has_reasons=has_reasons,
    )
    text = header.model_dump_json().encode()
    text += b" " * (-len(text) % 4)
    numbers = [getattr(matrix, name)[where].astype("<f4").tobytes() for name in ("values", "low", "high")]
    reasons = matrix.told[where].astype("<i2").tobytes() if has_reasons else b""
    return b"".join([len(text).to_bytes(4, "little"), text, *numbers, reasons])
