"""Seriation: in which order a matrix shows its blocks, and where its models lie on a map."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from backend.contracts.cards import Arity, Direction
from backend.store import cells as cells_store
from backend.store import comparisons
from backend.store.database import Database
from worker.measures.catalogue import catalogue
from worker.measures.measure import Measure

MOST_FOR_OPTIMAL = 1000
Grid = npt.NDArray[np.float64]


def order_matrices(database: Database, payload: dict[str, Any]) -> None:
    """Order every pairwise matrix of a comparison and store the result beside it."""
    with database.transaction() as session:
        row = comparisons.comparison(session, payload["comparison"])
        id, ids = row.id, list(row.specification["checkpoints"])
        questions = [q for _, q in cells_store.questions_of(session, id)]
    for question in questions:
        measure = catalogue().get(question.slug)
        if measure is None or measure.card.arity is not Arity.PAIR or question.layer_a != question.layer_b:
            continue
        with database.transaction() as session:
            numbers = cells_store.values(session, question.id, ids)
        place = {checkpoint: k for k, checkpoint in enumerate(ids)}
        grid = np.full((len(ids), len(ids)), np.nan)
        for a, b, value in numbers:
            grid[place[a], place[b]] = grid[place[b], place[a]] = value
        distances = as_distances(measure, grid)
        positions, merges = seriate(distances)
        places = lay_out(distances)
        with database.transaction() as session:
            cells_store.write_order(
                session, comparison=id, question_id=question.id, positions=positions, merges=merges, places=places
            )


def as_distances(measure: Measure, grid: Grid) -> Grid:
    """Distances, 0 for identical; a missing pair is as far apart as the farthest."""
    alike = measure.card.direction is Direction.HIGHER_IS_ALIKE
    identical = measure.card.identical
    if identical is None:
        identical = float(np.nanmax(grid)) if alike and np.isfinite(grid).any() else 0.0
    # A signed gap is as far apart in either direction.
    away = np.clip(identical - grid, 0, None) if alike else np.abs(grid - identical)
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
