"""Seriation: in which order a matrix shows its blocks, and where its models lie on a map."""

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from kinscape.backend.contracts.cards import Arity, Card
from kinscape.backend.contracts.cell_arrays import Cells
from kinscape.backend.store import comparisons, matrices, questions
from kinscape.backend.store.database import Database
from kinscape.backend.store.tables import OrderRow
from kinscape.worker.measures.catalogue import catalogue

# Optimal leaf order of 1,000 models takes a second, of 2,000 a quarter of a minute.
MOST_FOR_OPTIMAL = 1000
Grid = npt.NDArray[np.float64]


def order_matrices(database: Database, comparison: int) -> None:
    """Order every pairwise matrix of a comparison and store the result beside it."""
    with database.transaction() as session:
        ids = comparisons.get(session, comparison).specification.checkpoints
        asked = [q for _, q in questions.of_comparison(session, comparison)]
    for question in asked:
        measure = catalogue().get(question.slug)
        if measure is None or question.arity is not Arity.PAIR or question.layer_a != question.layer_b:
            continue
        with database.transaction() as session:
            cells = matrices.cells(session, question.id, ids)
        distances = as_distances(measure.card, grid_of(cells, ids))
        positions, merges = seriate(distances)
        order = OrderRow(
            comparison_id=comparison,
            question_id=question.id,
            positions=positions,
            merges=merges,
            places=lay_out(distances),
        )
        with database.transaction() as session:
            questions.write_order(session, order)


def grid_of(cells: Cells, ids: list[int]) -> Grid:
    """``(models, models)`` values, one direction standing for both where only one is there; NaN for neither."""
    grid: Grid = np.append(cells.values, np.nan)[cells.index(ids)]
    return np.where(np.isnan(grid), grid.T, grid)


def as_distances(card: Card, grid: Grid) -> Grid:
    """Distances, 0 for identical; a missing pair is as far apart as the farthest."""
    identical = card.identical
    if identical is None:
        identical = float(np.nanmax(grid)) if card.higher_is_alike and np.isfinite(grid).any() else 0.0
    # A signed gap is as far apart in either direction.
    away = np.clip(identical - grid, 0, None) if card.higher_is_alike else np.abs(grid - identical)
    np.fill_diagonal(away, 0)
    far = np.nanmax(away) if np.isfinite(away).any() else 1.0
    filled: Grid = np.where(np.isfinite(away), away, far)
    return (filled + filled.T) / 2


def seriate(distances: Grid) -> tuple[list[int], list[list[float]]]:
    """Leaf order and merges of average-linkage clustering, neighbours as alike as possible."""
    if len(distances) < 3:
        return list(range(len(distances))), []
    condensed = squareform(distances, checks=False)
    tree = hierarchy.linkage(condensed, "average")
    if len(distances) <= MOST_FOR_OPTIMAL:
        tree = hierarchy.optimal_leaf_ordering(tree, condensed)
    return [int(i) for i in hierarchy.leaves_list(tree)], tree.tolist()


def lay_out(distances: Grid) -> list[list[float]]:
    """Two coordinates per model by classical multidimensional scaling.

    Source: Torgerson 1952; the sign of each axis is fixed so that its largest entry is positive.
    """
    n = len(distances)
    if n < 3:
        return [[float(i), 0.0] for i in range(n)]
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-centre @ np.square(distances) @ centre / 2)
    axes = vectors[:, [-1, -2]] * np.sqrt(np.clip(values[[-1, -2]], 0, None))
    signs = np.sign(axes[np.abs(axes).argmax(0), [0, 1]])
    out: list[list[float]] = (axes * np.where(signs == 0, 1, signs)).tolist()
    return out
