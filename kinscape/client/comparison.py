"""A comparison: waiting for it, reading it, sharing it."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.contracts import comparisons as contract
from backend.contracts.associations import Agreements, Associations
from backend.contracts.cells import Cell, Estimate, Reason
from backend.contracts.groups import Contrast, Groups
from backend.contracts.projects import Checkpoint
from kinscape.client.http import ClientError, Http
from kinscape.client.share import Share

Floats = npt.NDArray[np.float64]
POLL_S = 0.3


@dataclass(frozen=True)
class Matrix:
    """One measure of all pairs.

    Attributes:
        values, low, high: ``(models, models)``, NaN where there is no number.
        labels: names of the models, in the order of rows and columns.
        reasons: sentence by (row, column) for every place without a number.
        order: positions in seriated order; empty while it is not computed.
    """

    measure: str
    values: Floats
    low: Floats
    high: Floats
    labels: list[str]
    reasons: dict[tuple[int, int], str]
    order: list[int]

    def to_pandas(self) -> Any:
        """The values as a pandas DataFrame (pandas must be installed)."""
        import pandas  # an optional dependency: only this method needs it

        return pandas.DataFrame(self.values, index=self.labels, columns=self.labels)


@dataclass(frozen=True)
class Table:
    """Several measures of single models: rows are models, columns are measures."""

    values: Floats
    low: Floats
    high: Floats
    labels: list[str]
    measures: list[str]
    reasons: dict[tuple[int, int], str]

    def to_pandas(self) -> Any:
        """The values as a pandas DataFrame (pandas must be installed)."""
        import pandas  # an optional dependency: only this method needs it

        return pandas.DataFrame(self.values, index=self.labels, columns=self.measures)


def cell_of(found: dict[str, Any]) -> Cell:
    """A cell as the server sends it."""
    return Reason.model_validate(found) if found["kind"] == "reason" else Estimate.model_validate(found)


def grid(numbers: contract.Numbers) -> Floats:
    """Packed numbers as an array."""
    return np.array(numbers.rows(), dtype=np.float64).reshape(numbers.shape)


class Comparison:
    """A comparison on the server."""

    def __init__(self, http: Http, data: dict[str, Any]) -> None:
        self._http = http
        self._data = contract.Comparison.model_validate(data)

    @property
    def id(self) -> int:
        """Its number."""
        return self._data.id

    @property
    def name(self) -> str:
        """Its name."""
        return self._data.name

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self._http.url}/comparison/{self.id}"

    @property
    def details(self) -> contract.Comparison:
        """Everything about it, as last seen."""
        return self._data

    @property
    def labels(self) -> list[str]:
        """Names of its checkpoints."""
        return self._data.labels

    @property
    def status(self) -> str:
        """``running``, ``done``, ``failed`` or ``cancelled``, asked now."""
        self.refresh()
        return str(self._data.progress.state)

    @property
    def counts(self) -> dict[str, int]:
        """Cells that had to be computed, and cells that were known already."""
        return {"new": self._data.counts.new, "reused": self._data.counts.reused}

    @property
    def log(self) -> list[str]:
        """One line per piece that failed."""
        return self._data.log

    def refresh(self) -> None:
        """Ask the server how far it is."""
        self._data = contract.Comparison.model_validate(self._http.get(f"/comparisons/{self.id}"))

    def wait(self, *, timeout_s: float | None = None, show: bool | None = None) -> "Comparison":
        """Wait until it ends, with a progress bar on a terminal.

        Raises:
            TimeoutError: it did not end in time.
        """
        started = time.monotonic()
        show = sys.stderr.isatty() if show is None else show
        while True:
            now = contract.Progress.model_validate(self._http.get(f"/comparisons/{self.id}/progress"))
            if show:
                sys.stderr.write("\r" + _bar(now))
                sys.stderr.flush()
            if now.state != contract.ComparisonState.RUNNING:
                break
            if timeout_s is not None and time.monotonic() - started > timeout_s:
                raise TimeoutError(f"Comparison {self.id} is still running after {timeout_s} s.")
            time.sleep(POLL_S)
        if show:
            sys.stderr.write("\n")
        self.refresh()
        return self

    def cancel(self) -> None:
        """Stop it; cells that are there stay."""
        self._data = contract.Comparison.model_validate(self._http.post(f"/comparisons/{self.id}/cancel"))

    def retry(self) -> None:
        """Compute what failed or was cancelled again."""
        self._data = contract.Comparison.model_validate(self._http.post(f"/comparisons/{self.id}/retry"))

    def add(self, checkpoints: Iterable["Checkpoint | int"]) -> "Comparison":
        """The same question with more checkpoints; this object becomes the larger comparison.

        The smaller one stays on the server, so links to it keep opening what they showed.
        """
        body = {"checkpoints": [c if isinstance(c, int) else c.id for c in checkpoints]}
        data = self._http.post(f"/comparisons/{self.id}/add", json=body)
        self._data = contract.Comparison.model_validate(data)
        return self

    def raw_matrix(
        self, measure: str, *, layer: str | None = None, reading: str = "raw", seeds: str | None = None
    ) -> contract.Matrix:
        """One measure as the server sends it."""
        found = self._http.get(
            f"/comparisons/{self.id}/matrix", measure=measure, layer=layer, reading=reading, seeds=seeds
        )
        return contract.Matrix.model_validate(found)

    def matrix(
        self, measure: str, *, layer: str | None = None, reading: str = "raw", seeds: str | None = None
    ) -> Matrix:
        """One pairwise measure; the layer may be left out when there is only one.

        Args:
            reading: ``raw``; ``above-chance``: 0 is what shuffled samples score and 1 is identity;
                ``against-seeds``: standard deviations from the pairs of independent seeds.
            seeds: the group whose unrelated networks are the seeds; else the one with the most.
        """
        raw = self.raw_matrix(measure, layer=layer, reading=reading, seeds=seeds)
        if len(raw.ids) > 1 and raw.values.shape[1] == 1:
            raise ClientError(f"{measure} is about single models: ask for it with table().")
        reasons = {(m.row, m.column): m.sentence for m in raw.missing}
        return Matrix(raw.measure, grid(raw.values), grid(raw.low), grid(raw.high), raw.labels, reasons, raw.order)

    def table(self, measures: Sequence[str]) -> Table:
        """Measures of single models side by side."""
        columns = [self.raw_matrix(m) for m in measures]
        for name, column in zip(measures, columns, strict=True):
            if len(column.ids) > 1 and column.values.shape[1] != 1:
                raise ClientError(f"{name} is about pairs: ask for it with matrix().")
        values, low, high = (
            np.concatenate([grid(getattr(c, part)) for c in columns], axis=1) for part in ("values", "low", "high")
        )
        reasons = {(m.row, j): m.sentence for j, c in enumerate(columns) for m in c.missing}
        return Table(values, low, high, self._data.labels, list(measures), reasons)

    def difference(
        self, first: tuple[str, str], second: tuple[str, str], *, measure: str, layer: str | None = None,
        second_layer: str | None = None,
    ) -> contract.Difference:  # fmt: skip
        """First pair minus second pair, with its paired interval; the second may be at another layer."""
        a, b, c, d = (self._number(n) for n in (*first, *second))
        found = self._http.get(
            f"/comparisons/{self.id}/difference", measure=measure, layer=layer, second_layer=second_layer,
            a=a, b=b, c=c, d=d,
        )  # fmt: skip
        return contract.Difference.model_validate(found)

    def _number(self, name: str) -> int:
        if name not in self._data.labels:
            raise ClientError(f"{name!r} is not part of this comparison.")
        return self._data.checkpoints[self._data.labels.index(name)]

    def groups(self, measure: str, *, layer: str | None = None) -> Groups:
        """Means within and between all groups; models of one lineage count once."""
        return Groups.model_validate(self._http.get(f"/comparisons/{self.id}/groups", measure=measure, layer=layer))

    def contrast(self, a: str, b: str, *, measure: str, layer: str | None = None) -> Contrast:
        """Within minus between two groups, with a permutation test and the smallest p it could have given."""
        found = self._http.get(f"/comparisons/{self.id}/contrast", measure=measure, layer=layer, a=a, b=b)
        return Contrast.model_validate(found)

    def associations(self) -> Associations:
        """Every measure of models against every outcome: rank correlations, raw and at equal train loss."""
        return Associations.model_validate(self._http.get(f"/comparisons/{self.id}/associations"))

    def agreements(self) -> Agreements:
        """How far the measures of pairs tell the same: Mantel correlations with permutation tests."""
        return Agreements.model_validate(self._http.get(f"/comparisons/{self.id}/agreements"))

    def profile(self, measure: str) -> contract.Profile:
        """One measure of every model, layer by layer."""
        return contract.Profile.model_validate(self._http.get(f"/comparisons/{self.id}/profile", measure=measure))

    def cell(self, measure: str, first: str, second: str | None = None, *, layer: str | None = None) -> Cell:
        """One number whole, with its replicates and the columns (curves, tables) behind it."""
        a = self._number(first)
        b = a if second is None else self._number(second)
        found = self._http.get(f"/comparisons/{self.id}/cell", measure=measure, a=a, b=b, layer=layer)
        return cell_of(found)

    def export(self, measure: str, *, format: str = "csv", layer: str | None = None) -> str:
        """One matrix as CSV or JSON text."""
        answer = self._http.request(
            "GET", f"/comparisons/{self.id}/export", params={"measure": measure, "format": format, "layer": layer}
        )
        return answer.text

    def share(self, *, view: str = "", expires_in_days: int = 30, may_export: bool = True) -> Share:
        """A link that opens this comparison, read only, without an account."""
        wish = {"view": view, "expires_in_days": expires_in_days, "may_export": may_export}
        return Share(self._http, self._http.post(f"/comparisons/{self.id}/shares", json=wish))

    def shares(self) -> list[Share]:
        """All links to it, newest first."""
        return [Share(self._http, s) for s in self._http.get(f"/comparisons/{self.id}/shares")]


def _bar(now: contract.Progress) -> str:
    done, total = now.models_done + now.tiles_done, now.models + now.tiles
    filled = int(24 * done / total) if total else 24
    left = "" if now.seconds_left is None else f", about {now.seconds_left:.0f} s left"
    return (
        f"[{'#' * filled}{'.' * (24 - filled)}] {now.models_done}/{now.models} models, "
        f"{now.tiles_done}/{now.tiles} tiles{left}   "
    )
