"""Gram matrices of one model: centred features, and the vectors whose products are similarities."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.draws import generator_of

FIRST_COLUMNS = 64
# Fewer pairs are sorted as fast as they are counted.
FEW_PAIRS = 1_000_000
PAIRS_DRAWN = 100_000
ROWS_AT_ONCE = 256
# A sample so many times as far as the median takes two of the seven digits of float32 from the others.
OUTLYING = 100


def centred(features: Tensor) -> Tensor:
    """Features ``(samples, width)`` in float64 with the mean of every column removed.

    Centring comes before any product: at mean/std = 30 a Gram matrix of raw features has no
    correct digits left.
    """
    x = features.to(torch.float64)
    largest = float(x.abs().max())
    # One scale for all does not matter, and keeps squares within what a float can hold.
    x = x / largest if largest > 0 else x
    x = x - x.mean(0, keepdim=True)
    if x.shape[0] < 2 or not float(x.square().mean()) > 1e-26:
        raise Undefined("All features are constant over the probe set, so similarity is 0/0.")
    return x


def scaled(items: Sequence[Tensor], *, digits: torch.dtype = torch.float32) -> list[Tensor]:
    """Features with their mean removed and one scale each, in the precision of the longest, or a longer one.

    What rounding leaves of the mean is a common shift, which the centring of the kernels removes. Of features with
    outliers it is the mean of the other samples, and the precision float64.
    """
    wanted = torch.float64 if any(x.dtype == torch.float64 for x in items) else digits
    out = [_scaled(x, wanted) for x in items]
    long = [outliers(x) for x in out]
    if not any(bool(rows.any()) for rows in long):
        return out
    if wanted != torch.float64:
        return scaled(items, digits=torch.float64)
    # With the outliers in it, the mean would stand far from all samples, and their differences would lose its digits.
    return [_over_largest(x - x[~rows].mean(0)) for x, rows in zip(out, long, strict=True)]


def _scaled(x: Tensor, wanted: torch.dtype) -> Tensor:
    x = x.to(wanted)
    y = x - x.mean(0)
    if not bool((y.amax() - y.amin()).isfinite()):
        # A sum, or a difference, of the largest floats is none.
        x = x / x.abs().amax()
        y = x - x.mean(0)
    return _over_largest(y)


def _over_largest(x: Tensor) -> Tensor:
    return x.div_(torch.maximum(x.amax(), -x.amin()).clamp_min(torch.finfo(x.dtype).tiny))


def outliers(x: Tensor) -> Tensor:
    """Which samples of features ``(samples, width)`` are far from where most are, ``(samples,)``."""
    return outlying(x.square().sum(1), lambda row: x @ x[row])


def outlying(lengths: Tensor, products_with: Callable[[int], Tensor]) -> Tensor:
    """Which samples ``(samples,)`` are far from where most are.

    Args:
        lengths: squared, ``(samples,)``.
        products_with: inner products ``(samples,)`` with the sample of a number.
    """
    # Seen from their mean, one far sample has all others at the same distance; one of those has not.
    middle = int(lengths.kthvalue((len(lengths) + 1) // 2).indices)
    away = lengths - 2 * products_with(middle) + lengths[middle]
    return away > OUTLYING**2 * away.median().clamp_min(torch.finfo(away.dtype).tiny)


def as_given(features: Tensor, **_: object) -> Tensor:
    """Features ``(samples, width)`` in float64, one scale for all, not centred."""
    x = features.to(torch.float64)
    largest = float(x.abs().max())
    if largest == 0:
        raise Undefined("All features are zero, so similarity is 0/0.")
    return x / largest


def narrowed(features: Tensor, **_: object) -> Tensor:
    """Features as given, rotated to at most ``samples`` columns."""
    x = as_given(features)
    if x.shape[1] > x.shape[0]:
        u, s, _vh = torch.linalg.svd(x, full_matrices=False)
        # A rotation leaves a sample of zeros where it is; its rounding would point somewhere.
        x = torch.where((x != 0).any(1, keepdim=True), u * s, 0.0)
    return x


def not_constant(features: Tensor, **_: object) -> None:
    """Refuse features that are the same for all samples."""
    # A few columns settle it for nearly every layer; only one that looks constant is read whole.
    for x in (features[:, :FIRST_COLUMNS], features):
        low, high = x.amin(0), x.amax(0)
        size = torch.maximum(low.abs(), high.abs()).amax()
        if len(x) > 1 and bool((high - low).amax() > 1e-11 * size):
            return
    raise Undefined("All features are constant over the probe set, so similarity is 0/0.")


def enough_for_unbiased(features: Tensor, **_: object) -> None:
    """Refuse what the unbiased estimator is not defined for."""
    not_constant(features)
    if len(features) < 4:
        raise Undefined(f"The unbiased estimator needs at least 4 samples; there are {len(features)}.")


def unit_triangle(gram: Tensor, *, size: float) -> Tensor:
    """A symmetric matrix as one vector of length 1 whose products are matrix inner products.

    Args:
        size: norm of the matrix before centring; what is left below its rounding is nothing.
    """
    n = gram.shape[0]
    rows, columns = torch.triu_indices(n, n, offset=1)
    vector = torch.cat([gram.diagonal(), gram[rows, columns] * 2**0.5])
    length = vector.norm()
    if not float(length) > 1e-12 * size:
        raise Undefined("All samples are equally far apart (or all the same), so similarity is 0/0.")
    unit: Tensor = vector / length
    return unit


def u_centred(gram: Tensor) -> Tensor:
    """U-centred Gram matrix: inner products of two of them are unbiased HSIC times n(n-3).

    Source: Székely & Rizzo 2014, definition 2; Song et al. 2012, equation 5.
    """
    n = gram.shape[0]
    if n < 4:
        raise Undefined(f"The unbiased estimator needs at least 4 samples; there are {n}.")
    k = gram.clone().fill_diagonal_(0)
    rows = k.sum(1)
    k = k - rows[:, None] / (n - 2) - rows[None, :] / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    return k.fill_diagonal_(0)


def double_centred(gram: Tensor) -> Tensor:
    """Gram matrix with row, column and grand mean removed."""
    rows = gram.mean(0, keepdim=True)
    return gram - rows - rows.T + gram.mean()


def inner_products(left: list[Tensor], right: list[Tensor], **_: object) -> Tensor:
    """All inner products of two lists of vectors."""
    return torch.stack(list(left)) @ torch.stack(list(right)).T


def median_distance(features: Tensor) -> Tensor:
    """Median Euclidean distance between two different samples.

    The distances of some pairs tell between which two values the median lies; of all pairs, only those between are
    sorted, and those below are counted.
    """
    n = len(features)
    count = n * (n - 1) // 2
    wanted = ((count - 1) // 2, count // 2)
    if count > FEW_PAIRS:
        low, high = _around_median(features)
        below, between = 0, []
        for start in range(0, n, ROWS_AT_ONCE):
            rows = features[start : start + ROWS_AT_ONCE]
            tile = torch.cdist(rows, features[start:])
            # Of two samples once, and of none with itself.
            tile.masked_fill_(torch.ones_like(tile, dtype=torch.bool).tril(), torch.inf)
            under = tile < low
            below += int(under.sum())
            between.append(tile[~under & (tile <= high)])
        inside = torch.cat(between)
        if below <= wanted[0] and wanted[1] < below + len(inside):
            order = inside.sort().values
            return (order[wanted[0] - below] + order[wanted[1] - below]) / 2
    above = torch.ones(n, n, dtype=torch.bool, device=features.device).triu(1)
    distances = torch.cdist(features, features)[above]
    return (distances.kthvalue(wanted[0] + 1).values + distances.kthvalue(wanted[1] + 1).values) / 2


def _around_median(features: Tensor) -> tuple[Tensor, Tensor]:
    """Two distances between which the median of all pairs lies, almost surely."""
    generator = generator_of("pairs of samples")
    first = torch.randint(len(features), (PAIRS_DRAWN,), generator=generator).to(features.device)
    step = torch.randint(1, len(features), (PAIRS_DRAWN,), generator=generator).to(features.device)
    other = (first + step) % len(features)
    drawn = (features[first] - features[other]).norm(dim=1).sort().values
    # The share of draws below the median has a standard deviation of 1 / (2 √draws); pairs share samples.
    margin = int(5 * PAIRS_DRAWN**0.5)
    middle = PAIRS_DRAWN // 2
    return drawn[middle - margin], drawn[middle + margin]


def rbf_gram(x: Tensor, *, fraction: float) -> Tensor:
    """Gaussian kernel matrix of centred features; the bandwidth is a fraction of the median distance."""
    sigma = fraction * median_distance(x)
    if not float(sigma) > 0:
        raise Undefined("More than half of all pairs of samples are the same, so the median distance is 0.")
    return torch.exp(-torch.cdist(x, x).square() / (2 * sigma**2))


def few_samples(samples: int, width: int) -> str:
    """A warning where independent features already look alike."""
    if samples >= 5 * width:
        return ""
    return f"N = {samples} is small for {width} features: biased values will look alike."


def unit_u_gram(features: Tensor, **_: object) -> Tensor:
    """The U-centred linear Gram matrix as a vector of length 1."""
    x = centred(features)
    gram = x @ x.T
    return unit_triangle(u_centred(gram), size=float(gram.norm()))
