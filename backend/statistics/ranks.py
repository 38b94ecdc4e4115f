"""Rank correlations of many resamples at once."""

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
# 128 MiB of signs of pairs at a time.
VALUES_AT_ONCE = 1 << 24


def spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's ρ of each row of two arrays ``(..., models)``; NaN where one is constant."""
    return pearson(ranks(x), ranks(y))


def ranks(x: Floats) -> Floats:
    """Ranks along the last axis, ties shared."""
    found: Floats = stats.rankdata(x, axis=-1)
    return found


def pearson(x: Floats, y: Floats) -> Floats:
    """Pearson's correlation along the last axis; NaN where one side is constant."""
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    size = np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(size > 1e-12, (x * y).sum(-1) / size, np.nan)
    return found


def kendall(x: Floats, y: Floats) -> Floats:
    """Kendall's τ-b of each row of two arrays ``(..., models)``; NaN where one is constant."""
    x, y = np.broadcast_arrays(x, y)
    rows_x, rows_y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    at_once = max(1, VALUES_AT_ONCE // x.shape[-1] ** 2)
    parts = [_kendall(rows_x[k : k + at_once], rows_y[k : k + at_once]) for k in range(0, len(rows_x), at_once)]
    return np.concatenate(parts).reshape(x.shape[:-1])


def _kendall(x: Floats, y: Floats) -> Floats:
    over = np.triu_indices(x.shape[-1], 1)
    a = np.sign(x[:, over[0]] - x[:, over[1]])
    b = np.sign(y[:, over[0]] - y[:, over[1]])
    size = np.sqrt((a != 0).sum(-1) * (b != 0).sum(-1).astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(size > 0, (a * b).sum(-1) / size, np.nan)
    return found


def partial(xy: Floats, xz: Floats, yz: Floats) -> Floats:
    """Partial correlation from three pairwise ones; NaN where the third explains one side entirely.

    Source: Kendall 1942 for τ; the same for ρ as Pearson's of ranks.
    """
    room = (1 - xz**2) * (1 - yz**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(room > 1e-12, (xy - xz * yz) / np.sqrt(np.clip(room, 0, None)), np.nan)
    return found


def benjamini_yekutieli(p: Floats) -> Floats:
    """p-values adjusted for the false discovery rate under arbitrary dependence; NaN stays.

    Source: Benjamini & Yekutieli 2001, theorem 1.3.
    """
    out = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        out[known] = stats.false_discovery_control(p[known], method="by")
    return out
