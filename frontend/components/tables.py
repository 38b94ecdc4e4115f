"""Buttons that save a table as a file; the browser writes it (``frontend/browser/saves.tsx``)."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

KINDS = (("csv", "CSV"), ("tex", "LaTeX"), ("parquet", "Parquet"))


def table_verbs(name: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Buttons for the numbers behind a table, each exactly as the server has it.

    Args:
        name: of the files, without their ending.
        rows: of equal keys; nested ones become columns of their own, such as ``spearman low``.
    """
    if not rows:
        return None
    held = json.dumps([_flat(row) for row in rows])
    buttons = [html.Button(title, className="chip", **{"data-table": kind}) for kind, title in KINDS]
    said = {"data-rows": held, "data-name": name, "aria-label": "Save this table"}
    return html.Div(buttons, className="table-verbs", role="group", **said)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            out |= {f"{key} {inner}".removesuffix(" value"): v for inner, v in _flat(value).items()}
        elif not isinstance(value, (list, tuple)):
            out[key] = None if isinstance(value, float) and not math.isfinite(value) else value
    return out
