"""Sample-to-sample dissimilarities, and their ranks when samples leave."""

from collections.abc import Callable, Sequence

import torch
from scipy import stats
from torch import Tensor

from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.gram_product import products_of_rows

# Dissimilarities of two chunks of models in memory at once.
HELD_BYTES = 1 << 30
# Twice a rank must stay below 2³¹.
MOST_IN_32_BITS = 1 << 30
DIGITS = 1e12  # dissimilarities equal to twelve digits tie


def dissimilarities(features: Tensor, *, inner: str, **_: object) -> Tensor:
    """Condensed matrix of sample-to-sample dissimilarities, ``(samples·(samples-1)/2,)``, float64."""
    x = features.to(torch.float64)
    x = x / x.abs().max().clamp_min(1e-300)
    n = x.shape[0]
    if n < 3:
        raise Undefined(f"RSA needs at least 3 samples; there are {n}.")
    if inner == "euclidean":
        return condensed(torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist"))
    if inner == "correlation":
        x = x - x.mean(1, keepdim=True)
    length = x.norm(dim=1, keepdim=True)
    if bool((length <= 1e-12).any()):
        raise Undefined("Some samples have no variation over the features, so their correlation is 0/0.")
    x = x / length
    return 1 - condensed(products_of_rows(x))


def varied(features: Tensor, *, inner: str, outer: str) -> None:
    """Refuse features whose dissimilarities are not defined or all equal."""
    x = features.to(torch.float64)
    if len(x) < 3:
        raise Undefined(f"RSA needs at least 3 samples; there are {len(x)}.")
    if inner != "euclidean":
        x = x / x.abs().amax().clamp_min(1e-300)
        spread = x - x.mean(1, keepdim=True) if inner == "correlation" else x
        if bool((spread.norm(dim=1) <= 1e-12).any()):
            raise Undefined("Some samples have no variation over the features, so their correlation is 0/0.")
    if outer != "cosine" and bool((x == x[0]).all()):
        raise Undefined("All pairs of samples are equally dissimilar, so their correlation is 0/0.")


def kendall(x: Tensor, y: Tensor) -> Tensor:
    """Kendall's tau-b of two vectors."""
    found = stats.kendalltau(x.mul(DIGITS).round().cpu().numpy(), y.mul(DIGITS).round().cpu().numpy())
    return torch.tensor(float(found.statistic), dtype=torch.float64)


def condensed(square: Tensor) -> Tensor:
    """What lies above the diagonal, row by row."""
    above = torch.ones_like(square, dtype=torch.bool).triu(1)
    if square.device.type != "cpu":
        return square[above]
    # numpy picks by a mask three times faster.
    return torch.from_numpy(square.numpy()[above.numpy()])


def square(vector: Tensor) -> Tensor:
    """The symmetric matrix of a condensed vector, zeros on the diagonal."""
    n = samples_of(vector)
    out = torch.zeros(n, n, dtype=vector.dtype, device=vector.device)
    rows, columns = torch.triu_indices(n, n, offset=1, device=vector.device)
    out[rows, columns] = vector
    return out + out.T


def samples_of(vector: Tensor) -> int:
    """How many samples a condensed vector is about."""
    return round((1 + (1 + 8 * len(vector)) ** 0.5) / 2)


class Ranked:
    """The order of a vector, so that the ranks of any part of it cost one pass.

    Twice a mean rank is a whole number; half as many bytes are read twice as fast, so they stay 32 bits long.
    """

    def __init__(self, values: Tensor) -> None:
        # Whole numbers sort several times faster than floats of the same size.
        ordered, order = values.mul(DIGITS).round().to(torch.int64).sort()
        self._kind = torch.int32 if len(values) < MOST_IN_32_BITS else torch.int64
        self._order = order.to(self._kind)
        self._place = torch.empty_like(self._order)
        self._place[order] = torch.arange(len(values), dtype=self._kind, device=values.device)
        is_last = torch.ones_like(ordered, dtype=torch.bool)
        is_last[:-1] = ordered[1:] != ordered[:-1]
        # Where runs of equal values end.
        self._ends = None if bool(is_last.all()) else is_last.nonzero().flatten()

    def ranks(self, keep: Tensor | None = None) -> Tensor:
        """Ranks from 1, ties sharing their mean, of the kept entries among the kept, in their own order."""
        if keep is None and self._ends is None:
            return self._place.to(torch.float64).add_(1)
        stays = torch.ones_like(self._order) if keep is None else keep[self._order]
        upto = stays.cumsum(0, dtype=self._kind)
        place = self._place if keep is None else self._place[keep]
        if self._ends is None:
            return upto[place].to(torch.float64)
        last = upto[self._ends]
        many = last.diff(prepend=last.new_zeros(1))
        lengths = self._ends.diff(prepend=self._ends.new_full((1,), -1))
        twice = last.mul_(2).sub_(many).add_(1).repeat_interleave(lengths)
        return twice[place].to(torch.float64).div_(2)


def unit(vector: Tensor, *, centre: bool) -> Tensor:
    """The vector at length 1, its mean removed when asked."""
    vector = vector - vector.mean() if centre else vector
    length = vector.norm()
    if not float(length) > 1e-12:
        raise Undefined("All pairs of samples are equally dissimilar, so their correlation is 0/0.")
    return vector / length


def over_subsets(batch: Features, vector_of: Callable[[Tensor], Tensor], *, outer: str) -> PairResults:
    """Correlation of condensed vectors for every pair of models, whole and without each group.

    Args:
        vector_of: the condensed vector of one model's features.
        outer: ``spearman``, ``pearson``, ``kendall`` or ``cosine``.
    """
    n = len(batch.items[0])
    values = torch.full((1 + len(batch.groups), len(batch.pairs)), torch.nan, dtype=torch.float64)
    size = max(1, HELD_BYTES // (16 * n * n))
    chunks = torch.arange(len(batch.items)).split(size)
    for a, first in enumerate(chunks):
        for second in chunks[a:]:
            inside = (torch.isin(batch.pairs, torch.cat([first, second]))).all(1)
            if len(chunks) > 1 and second is not first:
                inside &= torch.isin(batch.pairs, first).any(1) & torch.isin(batch.pairs, second).any(1)
            if not bool(inside.any()):
                continue
            models = batch.pairs[inside].unique()
            items = [batch.items[m] for m in models.tolist()]
            pairs = torch.searchsorted(models, batch.pairs[inside])
            vectors = [vector_of(x) for x in items]
            values[:, inside] = _correlations(vectors, pairs, batch.groups, samples=n, outer=outer)
    return PairResults(values[0], values[1:] if batch.groups else None)


def _correlations(
    vectors: list[Tensor], pairs: Tensor, groups: Sequence[Tensor], *, samples: int, outer: str
) -> Tensor:
    device = vectors[0].device
    i, j = pairs.T.to(device)
    ranked = [Ranked(v) for v in vectors] if outer == "spearman" else []
    out = []
    for group in (None, *groups):
        keep = None
        if group is not None:
            stays = torch.ones(samples, dtype=torch.bool, device=device)
            stays[group.to(device)] = False
            keep = condensed(stays[:, None] & stays[None, :])
        rows = torch.empty(
            len(vectors), len(vectors[0]) if keep is None else int(keep.sum()), dtype=torch.float64, device=device
        )
        for m, vector in enumerate(vectors):
            rows[m] = ranked[m].ranks(keep) if ranked else vector if keep is None else vector[keep]
        out.append(_kendalls(rows, pairs) if outer == "kendall" else _products(rows, i, j, outer=outer).cpu())
    return torch.stack(out)


def _products(rows: Tensor, i: Tensor, j: Tensor, *, outer: str) -> Tensor:
    if outer != "cosine":
        rows.sub_(rows.mean(1, keepdim=True))
    lengths = rows.norm(dim=1)
    lengths = lengths.where(lengths > 1e-10, torch.nan)
    return (rows @ rows.T)[i, j] / lengths[i] / lengths[j]


def _kendalls(rows: Tensor, pairs: Tensor) -> Tensor:
    return torch.stack([kendall(rows[i], rows[j]) for i, j in pairs.tolist()])


def clipped(vector: Tensor, *, low: float, high: float) -> Tensor:
    """Dissimilarities between two of their quantiles, rescaled to 0..1."""
    if low >= high:
        raise Undefined(f"low = {low:g} must be below high = {high:g}.")
    ordered = vector.sort().values
    last = len(ordered) - 1
    bottom, top = ordered[round(low * last)], ordered[round(high * last)]
    if not float(top - bottom) > 1e-12:
        raise Undefined("The quantiles of the dissimilarities coincide, so nothing is left between them.")
    return ((vector - bottom) / (top - bottom)).clamp(0, 1)
