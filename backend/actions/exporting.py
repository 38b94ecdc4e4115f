"""Matrices as files: CSV, JSON."""

import csv
import io
import json
import math

from backend.contracts.comparisons import Matrix


def as_csv(matrix: Matrix) -> str:
    """One line per cell, with interval; text that a spreadsheet would run is made harmless."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["measure", "layer", "a", "b", "value", "low", "high", "reason"])
    values, low, high = matrix.values.rows(), matrix.low.rows(), matrix.high.rows()
    reasons = {(m.row, m.column): m.sentence for m in matrix.missing}
    for i, a in enumerate(matrix.labels):
        for j in range(len(values[i])):
            b = matrix.labels[j] if len(values[i]) > 1 else a
            numbers = ["" if math.isnan(g[i][j]) else repr(g[i][j]) for g in (values, low, high)]
            writer.writerow(
                [matrix.measure, matrix.layer or "", harmless(a), harmless(b), *numbers, reasons.get((i, j), "")]
            )
    return out.getvalue()


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_json(matrix: Matrix) -> str:
    """Labels, and values with intervals as nested lists; null where there is no number."""

    def plain(rows: list[list[float]]) -> list[list[float | None]]:
        return [[None if math.isnan(v) else v for v in row] for row in rows]

    return json.dumps(
        {
            "measure": matrix.measure, "layer": matrix.layer, "labels": matrix.labels,
            "values": plain(matrix.values.rows()), "low": plain(matrix.low.rows()),
            "high": plain(matrix.high.rows()), "n": matrix.n, "role": matrix.role,
            "method": matrix.method, "reasons": [m.model_dump() for m in matrix.missing],
        },
        indent=1,
    )  # fmt: skip
