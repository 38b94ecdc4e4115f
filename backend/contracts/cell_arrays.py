"""Cells of one question as arrays: what is computed, stored and read at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.cards import Arity, Card
from kinscape.backend.contracts.cells import Cell, Detail, Estimate, Provenance, Reason, Told, Why

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Place = tuple[int, int]
NUMBERS = ("values", "low", "high", "chance")


@dataclass(frozen=True)
class Cells:
    """Cells of one question, in any order.

    Attributes:
        a, b: ``(cells,)`` checkpoints; the same twice for a measure of one model.
        values, low, high: ``(cells,)`` estimates with their intervals; NaN where there is none.
        chance: ``(cells,)`` what shuffled samples score; NaN where that was not computed.
        samples: ``(cells,)`` probe samples behind each number.
        told: ``(cells,)`` positions in ``texts``: how a number was made, or why there is none.
        replicates: ``(cells, groups)`` values with one group of samples left out.
        details: what only some cells have, by position.
    """

    a: Ints
    b: Ints
    values: Floats
    low: Floats
    high: Floats
    chance: Floats
    samples: Ints
    told: Ints
    texts: tuple[Told, ...]
    replicates: Floats
    details: Mapping[int, Detail] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Mapping[Place, Cell]) -> "Cells":
        """Single cells as arrays."""
        texts: dict[Told, int] = {}
        told = [texts.setdefault(_text(cell), len(texts)) for cell in cells.values()]
        known = [cell if isinstance(cell, Estimate) else None for cell in cells.values()]
        groups = max((len(e.replicates) for e in known if e is not None), default=0)
        replicates = np.full((len(known), groups), np.nan)
        for row, estimate in enumerate(known):
            if estimate is not None and estimate.replicates:
                replicates[row] = estimate.replicates
        places = np.array(list(cells), dtype=np.int64).reshape(-1, 2)
        return cls(
            a=places[:, 0],
            b=places[:, 1],
            values=_column(known, "value"),
            low=_column(known, "low"),
            high=_column(known, "high"),
            chance=np.array([np.nan if e is None else e.notes.get("chance", np.nan) for e in known], dtype=np.float64),
            samples=np.array([0 if e is None else e.n for e in known], dtype=np.int64),
            told=np.array(told, dtype=np.int64),
            texts=tuple(texts),
            replicates=replicates,
            details={row: detail for row, e in enumerate(known) if e is not None and (detail := _detail(e))},
        )

    def __len__(self) -> int:
        return len(self.a)

    @property
    def has_number(self) -> npt.NDArray[np.bool_]:
        """``(cells,)`` whether there is an estimate."""
        finite: npt.NDArray[np.bool_] = np.isfinite(self.values)
        return finite

    @property
    def is_final(self) -> npt.NDArray[np.bool_]:
        """``(cells,)`` whether asking again would give the same: an estimate, or a measure that is not defined."""
        final: npt.NDArray[np.bool_] = np.array([is_lasting(t) for t in self.texts], dtype=bool)[self.told]
        return final

    def take(self, which: npt.NDArray[Any]) -> "Cells":
        """Some of the cells, by position or by a mask; texts stay."""
        rows = np.flatnonzero(which) if which.dtype == bool else which
        fields = {name: getattr(self, name)[rows] for name in ("a", "b", "samples", "told", "replicates", *NUMBERS)}
        details = {k: self.details[i] for k, i in enumerate(rows.tolist()) if i in self.details} if self.details else {}
        return Cells(**fields, texts=self.texts, details=details)

    def without_unused_texts(self) -> "Cells":
        """The same cells with the texts that they use."""
        used, told = np.unique(self.told, return_inverse=True)
        fields = {name: getattr(self, name) for name in ("a", "b", "samples", "replicates", "details", *NUMBERS)}
        return Cells(**fields, told=told.astype(np.int64), texts=tuple(self.texts[i] for i in used.tolist()))

    def by_row(self) -> Iterator[tuple[tuple[int, bool], "Cells"]]:
        """The cells of each later checkpoint, by its number and whether it stands first."""
        later = np.maximum(self.a, self.b)
        first = (self.a == later) & (self.a != self.b)
        order = np.lexsort((np.minimum(self.a, self.b), first, later))
        edges = np.flatnonzero(np.diff(later[order]) | np.diff(first[order].astype(np.int8))) + 1
        for rows in np.split(order, edges) if len(order) else []:
            yield (int(later[rows[0]]), bool(first[rows[0]])), self.take(rows)

    def index(self, ids: Sequence[int]) -> Ints:
        """``(ids, ids)`` position of each pair's cell; -1 where there is none."""
        grid = np.full((len(ids), len(ids)), -1, dtype=np.int64)
        rows, columns = (_positions(side, ids) for side in (self.a, self.b))
        inside = (rows >= 0) & (columns >= 0)
        grid[rows[inside], columns[inside]] = np.flatnonzero(inside)
        return grid

    def cell(self, row: int) -> Cell:
        """One cell as the value it is."""
        text = self.texts[int(self.told[row])]
        if isinstance(text, Reason):
            return text
        detail = self.details.get(row, Detail())
        low, high = (None if np.isnan(x) else float(x) for x in (self.low[row], self.high[row]))
        chance = {} if np.isnan(self.chance[row]) else {"chance": float(self.chance[row])}
        replicates = self.replicates[row]
        return Estimate(
            value=float(self.values[row]),
            low=low,
            high=high,
            n=int(self.samples[row]),
            method=text.method,
            interval=text.interval,
            warning=text.warning,
            monte_carlo_error=detail.monte_carlo_error,
            notes={**detail.notes, **chance},
            series=detail.series,
            replicates=tuple(replicates.tolist()) if np.isfinite(replicates).any() else (),
        )


def joined(parts: Sequence[Cells]) -> Cells:
    """All cells of some parts."""
    texts: dict[Told, int] = {}
    groups = max((p.replicates.shape[1] for p in parts), default=0)
    fields: dict[str, list[Any]] = {name: [] for name in ("a", "b", "samples", "told", "replicates", *NUMBERS)}
    details: dict[int, Detail] = {}
    start = 0
    for part in parts:
        codes = np.array([texts.setdefault(t, len(texts)) for t in part.texts], dtype=np.int64)
        for name in ("a", "b", "samples", *NUMBERS):
            fields[name].append(getattr(part, name))
        fields["told"].append(codes[part.told] if len(part) else part.told)
        wide = part.replicates
        if wide.shape[1] < groups:
            wide = np.full((len(part), groups), np.nan)
            wide[:, : part.replicates.shape[1]] = part.replicates
        fields["replicates"].append(wide)
        details |= {start + k: detail for k, detail in part.details.items()}
        start += len(part)
    if not parts:
        return Cells.of({})
    return Cells(**{n: np.concatenate(v) for n, v in fields.items()}, texts=tuple(texts), details=details)


def merged(old: Cells, new: Cells) -> Cells:
    """The cells of both; a new one takes the place of an old one."""
    return joined([old.take(~among(old.a, old.b, new.a, new.b)), new]).without_unused_texts()


def among(a: Ints, b: Ints, known_a: Ints, known_b: Ints) -> npt.NDArray[np.bool_]:
    """``(pairs,)`` whether each pair is one of the known ones."""
    ids = np.unique(np.concatenate([a, b, known_a, known_b]))
    codes = [np.searchsorted(ids, x) * len(ids) + np.searchsorted(ids, y) for x, y in ((a, b), (known_a, known_b))]
    found: npt.NDArray[np.bool_] = np.isin(codes[0], codes[1])
    return found


def places(card: Card, rows: Sequence[int], members: Sequence[int], *, has_own: bool) -> tuple[Ints, Ints]:
    """Checkpoints ``(cells,)`` on both sides of every cell of each row with the members that are not later than it.

    Args:
        has_own: whether a checkpoint has a cell with itself (else the card says what it scores).
    """
    later = np.array(sorted(set(rows)), dtype=np.int64)
    if card.arity is Arity.MODEL:
        return later, later
    earlier = np.array(sorted(set(members)), dtype=np.int64)
    i, j = np.nonzero(earlier[None, :] < later[:, None])
    a, b = earlier[j], later[i]
    own = later[np.isin(later, earlier)] if has_own else later[:0]
    if not card.symmetric:
        return np.concatenate([own, a, b]), np.concatenate([own, b, a])
    return np.concatenate([own, a]), np.concatenate([own, b])


def _positions(numbers: Ints, ids: Sequence[int]) -> Ints:
    """Where each number stands in a list; -1 where it does not."""
    if not ids or not len(numbers):
        return np.full(len(numbers), -1, dtype=np.int64)
    known = np.array(ids, dtype=np.int64)
    # Numbers of rows lie close together: a table of them is ten times as fast as a search.
    first, last = int(min(known.min(), numbers.min())), int(max(known.max(), numbers.max()))
    table = np.full(last - first + 1, -1, dtype=np.int64)
    table[known - first] = np.arange(len(known))
    found: Ints = table[numbers - first]
    return found


def is_lasting(text: Told) -> bool:
    """Whether asking again would give the same."""
    return isinstance(text, Provenance) or text.why is Why.NOT_APPLICABLE


def _text(cell: Cell) -> Told:
    if isinstance(cell, Reason):
        return cell
    return Provenance(interval=cell.interval, method=cell.method, warning=cell.warning)


def _detail(estimate: Estimate) -> Detail | None:
    notes = {name: value for name, value in estimate.notes.items() if name != "chance"}
    if not notes and not estimate.series and estimate.monte_carlo_error is None:
        return None
    return Detail(monte_carlo_error=estimate.monte_carlo_error, notes=notes, series=estimate.series)


def _column(estimates: Sequence[Estimate | None], name: str) -> Floats:
    values = [None if e is None else getattr(e, name) for e in estimates]
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
