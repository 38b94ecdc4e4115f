"""Which files hold the same tensors, and which steps of a run do not lie between their neighbours."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

Numbers = npt.NDArray[np.float64]
# Smaller tensors are counters, or biases that nobody trained.
FEWEST_VALUES = 16
# A network between two steps is seldom further from both than their distance: 1.2 times at most in 19 of 20 tested
# runs. In one, at a large learning rate, weights leapt out and back, no further than they had moved elsewhere.
MOST_DETOUR = 3.0
# A stray lies further away than most other steps of the run lie from each other.
FURTHER, MOST_STEPS = 2.0, 0.9
# A step that lies so near a distant one, in parts of the way to its neighbours, is that one in another precision.
NEAR = 0.1


def shares(hashes: Sequence[npt.NDArray[np.uint64]], sizes: Sequence[Numbers]) -> Numbers:
    """The part of each file's values that stand in each other file as they are, ``(files, files)``.

    Args:
        hashes: of each file's tensors.
        sizes: values of each tensor, in the same order.
    """
    kept = [s >= FEWEST_VALUES for s in sizes]
    # A file of small tensors only has nothing else to be told by.
    kept = [k if k.any() else np.ones_like(k) for k in kept]
    flat = np.concatenate([h[k] for h, k in zip(hashes, kept, strict=True)]) if hashes else np.empty(0, np.uint64)
    weight = np.concatenate([s[k] for s, k in zip(sizes, kept, strict=True)]) if sizes else np.empty(0)
    owner = np.repeat(np.arange(len(hashes)), [int(k.sum()) for k in kept])
    distinct, place = np.unique(flat, return_inverse=True)
    shape = (len(hashes), len(distinct))
    # A tensor that a file holds twice counts twice there, and is held or not in another.
    held = sparse.csr_matrix((weight, (owner, place)), shape)
    has = sparse.csr_matrix((np.ones(len(flat)), (owner, place)), shape)
    has.data[:] = 1
    total = np.maximum(np.asarray(held.sum(1)).ravel(), 1)
    found: Numbers = (held @ has.T).toarray() / total[:, None]
    return found


def distances(sketches: Numbers) -> Numbers:
    """Distances of sketches, ``(files, files)``."""
    gaps = sketches[:, None] - sketches[None]
    out: Numbers = np.sqrt((gaps * gaps).sum(-1))
    return out


def strays(gaps: Numbers) -> tuple[list[int], dict[int, int]]:
    """Steps of one run that are not where their numbers put them.

    Args:
        gaps: distances between its steps, in order, none of them equal to another.

    Returns:
        steps far from both neighbours, which are near each other; and steps that are nearly another one that is not
        their neighbour, with that one.
    """
    count = len(gaps)
    apart: list[int] = []
    nearly: dict[int, int] = {}
    moves = np.diag(gaps, 1)
    # A run that has converged trembles: what is no further away than steps usually are is nearly nothing.
    usual = float(np.median(moves)) if count > 1 else 0.0
    for k in range(count):
        way = min((float(gaps[k, j]) for j in (k - 1, k + 1) if 0 <= j < count), default=0.0)
        far = [j for j in range(count) if abs(j - k) > 1]
        if not far or way < usual:
            continue
        nearest = min(far, key=lambda j: gaps[k, j])
        if gaps[k, nearest] < NEAR * way:
            nearly[k] = nearest
        elif 0 < k < count - 1 and way > MOST_DETOUR * gaps[k - 1, k + 1]:
            others = np.delete(moves, [k - 1, k])
            if not len(others) or way > FURTHER * np.quantile(others, MOST_STEPS):
                apart.append(k)
    return apart, nearly
