"""A comparison: waiting for it, reading it, sharing it."""

import html
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from kinscape.backend.contracts import comparisons as contract
from kinscape.backend.contracts.associations import Agreements, Associations
from kinscape.backend.contracts.cells import Cell
from kinscape.backend.contracts.groups import Block, Contrast, Groups
from kinscape.backend.contracts.matrices import MatrixLists, Profile, Reading
from kinscape.backend.contracts.pairs import Difference, Disagreements, PairCell, PairDifference
from kinscape.backend.contracts.studies import StudyAnswer
from kinscape.backend.contracts.trajectories import Trajectories
from kinscape.client.checkpoint import Checkpoint
from kinscape.client.http import ClientError, Http
from kinscape.client.share import Share
from kinscape.client.tables import PackedMatrix, Table, packed_matrix
from kinscape.matrix import Matrix

CELL: TypeAdapter[Cell] = TypeAdapter(Cell)
if TYPE_CHECKING:
    from kinscape.client.widget import ComparisonWidget

# Often enough for a progress bar, seldom enough for the server.
POLL_S = 0.3


@dataclass(frozen=True)
class Page:
    """A comparison's page; notebooks draw it."""

    html: str
    height: int

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" style="width:100%;height:{self.height}px;border:0" '
            'sandbox="allow-scripts"></iframe>'
        )


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
    def status(self) -> contract.ComparisonState:
        """``running``, ``done``, ``failed`` or ``cancelled``, asked now."""
        self.refresh()
        return self._data.progress.state

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

    def change(self, *, name: str | None = None, notes: str | None = None) -> None:
        """Give it another name, or other notes."""
        wanted = {k: v for k, v in (("name", name), ("notes", notes)) if v is not None}
        self._data = contract.Comparison.model_validate(self._http.patch(f"/comparisons/{self.id}", json=wanted))

    def page(self, view: str = "") -> str:
        """Its page as one HTML file that opens without a server, with all matrices and their hash.

        Args:
            view: the view with which it opens, as the query of an address; empty for the summary.
        """
        return self._http.request("GET", f"{self._http.url}/page/{self.id}?{view}").text

    def show(self, height: int = 760, view: str = "") -> "ComparisonWidget | Page":
        """Its page in a notebook; it holds its numbers, so that it stays when the server is gone.

        With ``anywidget`` installed (``pip install "kinscape[notebook]"``) a widget, whose ``selection`` is what is
        selected on the page; without it the page alone.

        Args:
            height: in pixels.
            view: the view with which it opens, as the query of an address; empty for the summary.
        """
        try:
            from kinscape.client.widget import ComparisonWidget  # an optional dependency: only this needs it
        except ImportError:
            return Page(self.page(view), height)
        return ComparisonWidget(self.page(view), height=height, view=view)

    def study(self) -> StudyAnswer:
        """What the study that it answers asked and found.

        Raises:
            ClientError: it answers none.
        """
        return StudyAnswer.model_validate(self._http.get(f"/comparisons/{self.id}/study"))

    def delete(self) -> None:
        """Delete it and close its links; for seven days ``Client.restore_comparison`` brings it back."""
        self._http.delete(f"/comparisons/{self.id}")

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

    def packed_matrix(
        self,
        measure: str,
        *,
        layer: str | None = None,
        reading: Reading | str = Reading.RAW,
        seeds: str | None = None,
    ) -> PackedMatrix:
        """One measure as the server sends it, with all that it says of it."""
        return packed_matrix(self._http, self.id, measure, layer=layer, reading=reading, seeds=seeds)

    def matrix(
        self, measure: str, *, layer: str | None = None, reading: str = "raw", seeds: str | None = None
    ) -> Matrix:
        """One pairwise measure; the layer may be left out when there is only one.

        Args:
            reading: ``raw``; ``above-chance``: 0 is what shuffled samples score and 1 is identity;
                ``against-seeds``: standard deviations from the pairs of independent seeds.
            seeds: the group whose unrelated networks are the seeds; else the one with the most.
        """
        packed = self.packed_matrix(measure, layer=layer, reading=reading, seeds=seeds)
        header = packed.header
        if len(header.ids) > 1 and packed.values.shape[1] == 1:
            raise ClientError(f"{measure} is about single models: ask for it with table().")
        return Matrix(
            packed.values,
            packed.low,
            packed.high,
            packed.reasons(),
            warning=" ".join(header.warnings),
            measure=header.measure,
            labels=header.labels,
            order=header.order,
        )

    def table(self, measures: Sequence[str]) -> Table:
        """Measures of single models side by side."""
        columns = [self.packed_matrix(m) for m in measures]
        for name, column in zip(measures, columns, strict=True):
            if len(column.header.ids) > 1 and column.values.shape[1] != 1:
                raise ClientError(f"{name} is about pairs: ask for it with matrix().")
        values, low, high = (
            np.concatenate([getattr(c, part) for c in columns], axis=1) for part in ("values", "low", "high")
        )
        reasons = {(row, j): s for j, column in enumerate(columns) for (row, _), s in column.reasons().items()}
        return Table(values, low, high, self._data.labels, list(measures), reasons)

    def difference(
        self,
        first: tuple[str, str],
        second: tuple[str, str],
        *,
        measure: str,
        layer: str | None = None,
        second_layer: str | None = None,
    ) -> Difference:
        """First pair minus second pair, with its paired interval; the second may be at another layer."""
        a, b, c, d = (self._number(n) for n in (*first, *second))
        found = self._http.get(
            f"/comparisons/{self.id}/difference",
            measure=measure,
            layer=layer,
            second_layer=second_layer,
            a=a,
            b=b,
            c=c,
            d=d,
        )
        return Difference.model_validate(found)

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

    def block(self, rows: list[int], columns: list[int], *, measure: str, layer: str | None = None) -> Block:
        """The pairs between some checkpoints and some others, or among some, with a permutation test."""
        numbers = {"rows": ",".join(map(str, rows)), "columns": ",".join(map(str, columns))}
        return Block.model_validate(
            self._http.get(f"/comparisons/{self.id}/block", measure=measure, layer=layer, **numbers)
        )

    def associations(self) -> Associations:
        """Every measure of models against every outcome: rank correlations, raw and at equal train loss."""
        return Associations.model_validate(self._http.get(f"/comparisons/{self.id}/associations"))

    def agreements(self) -> Agreements:
        """How far the measures of pairs tell the same: Mantel correlations with permutation tests."""
        return Agreements.model_validate(self._http.get(f"/comparisons/{self.id}/agreements"))

    def profile(self, measure: str) -> Profile:
        """One measure of every model, layer by layer."""
        return Profile.model_validate(self._http.get(f"/comparisons/{self.id}/profile", measure=measure))

    def trajectories(self, measure: str, **asked: Any) -> Trajectories:
        """One measure along the steps of every training run.

        ``layer=``; ``reaches=0.95`` adds the first step at which each run has at least so much (``falling=True``: at
        most), and whether groups of runs differ in it.
        """
        found = self._http.get(f"/comparisons/{self.id}/trajectories", measure=measure, **asked)
        return Trajectories.model_validate(found)

    def cell(self, measure: str, first: str, second: str | None = None, *, layer: str | None = None) -> Cell:
        """One number whole, with its replicates and the columns (curves, tables) behind it."""
        a = self._number(first)
        return self.cell_between(measure, a, a if second is None else self._number(second), layer=layer)

    def pair(self, a: int, b: int) -> list[PairCell]:
        """Every number of two checkpoints (numbers) with its rank among all pairs."""
        return [PairCell.model_validate(c) for c in self._http.get(f"/comparisons/{self.id}/pair", a=a, b=b)]

    def differences(self, first: tuple[int, int], second: tuple[int, int]) -> list[PairDifference]:
        """First pair minus second pair (numbers of checkpoints) for every measure of pairs."""
        numbers = dict(zip("abcd", (*first, *second), strict=True))
        return [
            PairDifference.model_validate(d) for d in self._http.get(f"/comparisons/{self.id}/differences", **numbers)
        ]

    def disagreements(self, a: int, b: int, **chosen: Any) -> Disagreements:
        """How two checkpoints (numbers) predict differently, and samples (``which``, ``classes="3-5"``, ``offset``)."""
        return Disagreements.model_validate(self._http.get(f"/comparisons/{self.id}/disagreements", a=a, b=b, **chosen))

    def layer_matrix(self, measure: str, a: int, b: int) -> MatrixLists:
        """Every layer of one checkpoint (number) against every layer of another."""
        found = self._http.get(f"/comparisons/{self.id}/layers", measure=measure, a=a, b=b)
        return MatrixLists.model_validate(found)

    def checkpoints(self) -> list[Checkpoint]:
        """Its checkpoints in its order."""
        return [Checkpoint.of(self._http, c) for c in self._http.get(f"/comparisons/{self.id}/checkpoints")]

    def cell_between(self, measure: str, a: int, b: int, *, layer: str | None = None) -> Cell:
        """The same as ``cell`` by numbers of checkpoints."""
        found = self._http.get(f"/comparisons/{self.id}/cell", measure=measure, a=a, b=b, layer=layer)
        return CELL.validate_python(found)

    def export(self, measure: str, *, format: str = "csv", layer: str | None = None) -> str:
        """One matrix as CSV or JSON text."""
        answer = self._http.request(
            "GET", f"/comparisons/{self.id}/export", params={"measure": measure, "format": format, "layer": layer}
        )
        return answer.text

    def share(
        self,
        *,
        view: str = "",
        expires_in_days: int = 30,
        may_export: bool = True,
        masked: bool = False,
        **more: str,
    ) -> Share:
        """A link that opens this comparison, read only, without an account.

        Args:
            view: the address of the view without its question mark; empty for the summary.
            may_export: whether its visitors may take numbers away; never where names are hidden.
            masked: whether names of checkpoints, groups, probe sets and the project are hidden.
            **more: ``scope="matrix"`` opens the measure of pairs that the view names and nothing else; ``made_by`` is
                the name of who sends it, which its visitors read.
        """
        body = {
            "view": view,
            "expires_in_days": expires_in_days,
            "may_export": may_export and not masked,
            "masked": masked,
            **more,
        }
        return Share(self._http, self._http.post(f"/comparisons/{self.id}/shares", json=body))

    def shares(self) -> list[Share]:
        """All links to it, newest first."""
        return [Share(self._http, s) for s in self._http.every(f"/comparisons/{self.id}/shares")]


def _bar(now: contract.Progress) -> str:
    done, total = now.models_done + now.tiles_done, now.models + now.tiles
    filled = int(24 * done / total) if total else 24
    left = "" if now.seconds_left is None else f", about {now.seconds_left:.0f} s left"
    return (
        f"[{'#' * filled}{'.' * (24 - filled)}] {now.models_done}/{now.models} models, "
        f"{now.tiles_done}/{now.tiles} tiles{left}   "
    )
