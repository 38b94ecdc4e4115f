"""Nearest neighbours by cosine: float32 where it tells them apart, float64 where it does not."""

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.gram_product import products_of_rows

DIGITS = 1e12  # cosines equal to so many digits tie, whatever the order of summation was
MOST_ROOM = 1e-3  # of thousands of features float32 would leave nearly every sample unsure
# Rows of cosines in memory at a time.
ROWS_AT_ONCE = 2048
# So many candidates beyond k are computed in float64; the (k + 4)-th must lie clearly below the k-th.
LIKELY = 4
# Rows that are zero are divided by it instead of by 0.
TINY = 1e-300
# Gathered candidates stay in the cache.
LIKELY_ROWS_AT_ONCE = 64


def unit_rows(features: Tensor) -> Tensor:
    """Features ``(samples, width)`` in float64, every sample at length 1."""
    x = features.to(torch.float64, copy=True)
    if features.dtype == torch.float64:
        # Of other types float64 holds all squares.
        x.div_(x.abs().amax(1, keepdim=True).clamp_min(TINY))
    length = x.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
    return x.div_(length)


def nearest_rows(x: Tensor, *, k: int, in_order: bool = True) -> Tensor:
    """Numbers of the k nearest of rows ``(samples, width)`` of length 1, ``(samples, k)``, nearest first.

    Ties go to the lower number; without ``in_order`` only which neighbours there are is sure.
    Cosines in float32 tell the order wherever they lie further apart than both can be wrong; samples for which
    some do not are computed again in float64.
    """
    n, width = x.shape
    # Each of width products and sums, and each number that was rounded, adds at most half a unit in the last place.
    wrong = (width + 4) * 2**-24
    room = 2 * wrong / (1 - wrong)
    # Where every sample is a neighbour nothing needs to be near, but samples may all be equally far.
    is_rough = k < n - 1 and room < MOST_ROOM and _float32_is_whole()
    rough = x.to(torch.float32) if is_rough else x
    parts, keys = [], _Keys(x)
    for start in range(0, n, ROWS_AT_ONCE):
        rows = torch.arange(start, min(start + ROWS_AT_ONCE, n), device=x.device)
        if not is_rough:
            parts.append(keys.nearest(rows, k=k))
            continue
        # One block of rows is all rows: then half of the products are enough.
        cosines = products_of_rows(rough) if len(rows) == n else rough[rows] @ rough.T
        cosines.diagonal(start).fill_(-torch.inf)
        values, found = cosines.topk(k + 1, dim=1)
        nearer = values[:, :-1] if in_order else values[:, -2:-1]
        unsure = rows[(nearer - values[:, -nearer.shape[1] :] <= room).any(1)]
        found = found[:, :k]
        known = keys.rows_seen
        if len(unsure):
            found[unsure - start] = keys.nearest_of_likely(unsure, cosines[unsure - start], k=k, room=room)
        parts.append(found)
        # Where most are computed twice, once in float64 is less work.
        is_rough = 2 * (keys.rows_seen - known) < len(rows)
    if keys.are_equal:
        raise Undefined("All samples point the same way, so none is nearer than another.")
    return torch.cat(parts)


def _float32_is_whole() -> bool:
    """Whether products of float32 keep all its digits, as the caller has set torch."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:
        # Different settings for different libraries have no one answer.
        return False


class _Keys:
    """Whole numbers that order samples by similarity to digits first, and by their own number second."""

    def __init__(self, x: Tensor) -> None:
        self._x = x
        self._step = 1 << len(x).bit_length()
        self._scale = min(DIGITS, 2**52 / self._step)
        self._numbers = torch.arange(len(x), device=x.device, dtype=x.dtype)
        self._low, self._high, self.rows_seen = torch.inf, -torch.inf, 0

    @property
    def are_equal(self) -> bool:
        """Whether all cosines of all samples with all others are the same."""
        return self.rows_seen == len(self._x) and self._low == self._high

    def nearest(self, rows: Tensor, *, k: int) -> Tensor:
        """Numbers of the k nearest of some samples, ``(rows, k)``."""
        digits = self._digits(self._x[rows] @ self._x.T)
        low, high = digits.aminmax()
        self._low, self._high = min(self._low, float(low)), max(self._high, float(high))
        self.rows_seen += len(rows)
        keys = digits.mul_(self._step).sub_(self._numbers)
        return keys.scatter_(1, rows[:, None], -torch.inf).topk(k, dim=1).indices

    def nearest_of_likely(self, rows: Tensor, rough: Tensor, *, k: int, room: float) -> Tensor:
        """The same, of a few that are likely to be among them where rough cosines tell that no other is.

        Args:
            rough: ``(rows, samples)``; two of them differ by at most ``room`` more or less than they should.
                Each sample's own is -inf.
        """
        values, likely = rough.topk(min(k + LIKELY, len(self._x) - 1), dim=1)
        is_told = values[:, k - 1] - values[:, -1] > room + 4 / self._scale
        found = likely[:, :k].clone()
        for some in is_told.nonzero().flatten().split(LIKELY_ROWS_AT_ONCE):
            numbers = likely[some]
            digits = self._digits(torch.einsum("nd,nkd->nk", self._x[rows[some]], self._x[numbers]))
            keys = digits.mul_(self._step).sub_(numbers)
            found[some] = numbers.gather(1, keys.topk(k, dim=1).indices)
        if not bool(is_told.all()):
            found[~is_told] = self.nearest(rows[~is_told], k=k)
        return found

    def _digits(self, cosines: Tensor) -> Tensor:
        return cosines.mul_(self._scale).round_()
