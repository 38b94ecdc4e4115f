"""One pass over all Gram matrices: what CKA and its relatives need, whole and without each group.

For kernel matrices K, L of two models, HSIC needs three numbers: the sum of K∘L, the inner product
of the row sums, and the product of the grand sums. Leaving a group of samples out takes its rows
and columns from each. So tiles of the kernel matrices are made once, for all models together, and
their products are kept by pair of groups: intervals cost little more than values.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features
from kinscape.worker.numerics.gram_product import products_of_rows
from kinscape.worker.numerics.progress import steps
from kinscape.worker.numerics.threads import side_by_side
from kinscape.worker.similarity.kernels import median_distance, outliers, outlying, scaled
from kinscape.worker.similarity.moments import Moments, MomentSums, RowsByGroup, in_pieces

# One strip of all models' Gram matrices.
TILE_BYTES = 96 << 20
# Parts short enough for sums in float32; parts are added in float64.
MOST_ROWS = 256
# Larger features are multiplied one by one, without a copy.
MOST_STACKED = 1 << 19
# Columns of a strip fit the cache.
STRIP_ENTRIES = 1 << 20
# Sums of which so small a share is left lost two of the seven digits of float32.
CANCELLED = 1e-2
# A bandwidth that is a smaller share of the longest sample takes squared distances with less than four digits.
SHORT = 0.1
# What is left of sums in float64 after so much cancelled has six digits.
EXACT_DIGITS = 1e-10
Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]


def unbiased_alignment(batch: Features, moments: Moments) -> PairResults:
    """Unbiased HSIC divided by the root of both models' own."""
    return _alignment(moments.unbiased(), moments.products_off, batch, moments)


def biased_alignment(batch: Features, moments: Moments) -> PairResults:
    """Biased HSIC divided by the root of both models' own."""
    return _alignment(moments.biased(), moments.products, batch, moments)


def _alignment(hsic: Tensor, products: Tensor, batch: Features, moments: Moments) -> PairResults:
    """For chosen pairs; NaN where rounding of the products is all there is."""
    own = hsic.diagonal(dim1=1, dim2=2)
    least = (EXACT_DIGITS if moments.exact else 1e-7) * products.diagonal(dim1=1, dim2=2)
    own = own.where(own > least, torch.nan)
    i, j = batch.pairs.T.to(hsic.device)
    values = hsic[:, i, j] / own[:, i].sqrt() / own[:, j].sqrt()
    values = torch.where((i == j) & values.isfinite(), 1.0, values)
    return PairResults(values[0], values[1:])


def linear_moments(batch: Features) -> Moments:
    """Moments of linear kernels, through samples or through features, whichever is less work."""

    def make() -> Moments:
        if min(x.shape[1] for x in batch.items) > 2 * len(batch.items[0]):
            grams = side_by_side([partial(wide_gram, x) for x in batch.items], device=batch.items[0].device)
            if not any(bool(outlying(g.diagonal(), g.__getitem__).any()) for g in grams):
                kind = torch.float64 if any(g.dtype == torch.float64 for g in grams) else torch.float32
                return replace(gram_moments([g.to(kind) for g in grams], batch.groups), exact=kind == torch.float64)
        xs = scaled(batch.items)
        if any(bool(outliers(x).any()) for x in xs):
            # Products of features, and their sums, would be those of the outliers.
            return replace(kernel_moments(xs, batch.groups, lambda product, _a, _b: product), exact=True)
        count, n, width = len(xs), len(xs[0]), sum(x.shape[1] for x in xs)
        if width * width < n * (width + count * count / 2):
            return _with_digits(lambda xs: feature_moments(xs, batch.groups), xs, batch.items)
        return _with_digits(lambda xs: kernel_moments(xs, batch.groups, None), xs, batch.items)

    return batch.once("linear", make)


def _with_digits(make: Callable[[Sequence[Tensor]], Moments], xs: Sequence[Tensor], items: Sequence[Tensor]) -> Moments:
    """Moments in the precision of the features, or in float64 where sums that nearly cancel would keep no digits."""
    found = make(xs)
    if xs[0].dtype == torch.float64:
        return replace(found, exact=True)
    own, size = (m[0].diagonal() for m in (found.unbiased(), found.products_off))
    if bool((own < CANCELLED * size).any()):
        return replace(make(scaled(items, digits=torch.float64)), exact=True)
    return found


def rbf_moments(batch: Features, *, fraction: float) -> Moments:
    """Moments of Gaussian kernels; the bandwidth comes from all samples and stays when groups leave."""

    def make() -> Moments:
        xs = scaled(batch.items)
        medians = torch.stack([median_distance(x) for x in xs])
        longest = torch.stack([x.square().sum(1).amax().sqrt() for x in xs])
        if bool((fraction * medians < SHORT * longest).any()):
            # Squared distances are differences of squared lengths, which float32 would not tell apart.
            xs = scaled(batch.items, digits=torch.float64)
            medians = torch.stack([median_distance(x) for x in xs])
        sigmas = (fraction * medians).to(xs[0].dtype)
        # No number comes from a bandwidth of 0: more than half of all pairs of samples are the same.
        slope = (-0.5 / sigmas.where(sigmas > 0, torch.nan).square())[:, None, None]
        # HSIC does not see a constant, and sums of what is left lose fewer digits.
        typical = math.exp(-0.5 / fraction**2)

        def kernel(product: Tensor, a: Tensor, b: Tensor) -> Tensor:
            return _squared_distances(product, a, b).mul_(slope).exp_().sub_(typical)

        return replace(kernel_moments(xs, batch.groups, kernel), exact=xs[0].dtype == torch.float64)

    return batch.once(("rbf", fraction), make)


def distance_moments(batch: Features) -> Moments:
    """Moments of Euclidean distance matrices."""

    def kernel(product: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return _squared_distances(product, a, b).sqrt_()

    def make() -> Moments:
        xs = scaled(batch.items, digits=torch.float64)
        return replace(kernel_moments(xs, batch.groups, kernel), exact=True)

    return batch.once("distance", make)


def _squared_distances(product: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return product.mul_(-2).add_(a[:, :, None]).add_(b[:, None, :]).clamp_min_(0)


def wide_gram(features: Tensor) -> Tensor:
    """Inner products of centred samples that have many more features than there are samples, column by column."""
    x = features if features.dtype == torch.float64 else features.to(torch.float32)
    n, largest = len(x), x.abs().amax().clamp_min(1e-300)
    gram = torch.zeros(n, n, dtype=torch.float64, device=x.device)
    for columns in x.split(max(256, STRIP_ENTRIES // n), dim=1):
        part = columns / largest
        part -= part.mean(0)
        gram += products_of_rows(part)
    return (gram / gram.diagonal().amax().clamp_min(1e-300)).to(x.dtype)


def gram_moments(grams: Sequence[Tensor], groups: Sequence[Tensor]) -> Moments:
    """Moments of matrices that are there already."""
    rows = in_pieces(groups, samples=len(grams[0]), most=MOST_ROWS)
    if groups:
        order = rows.order.to(grams[0].device)
        grams = [g[order][:, order] for g in grams]
    return _moments_of_strips(
        rows, lambda mine, others: torch.stack([g[mine, others] for g in grams]), like=grams, by_features=False
    )


def kernel_moments(xs: Sequence[Tensor], groups: Sequence[Tensor], kernel: Kernel | None) -> Moments:
    """Moments by tiles of the kernel matrices of all models at once.

    Args:
        xs: features ``(samples, width)`` of each model; those of one width are multiplied as a batch.
        kernel: from inner products ``(models, r, c)`` and squared lengths ``(models, r)``,
            ``(models, c)`` to kernel values ``(models, r, c)``; may write into the products. None for the
            inner products themselves.
    """
    most = max(1, TILE_BYTES // (len(xs) * len(xs[0]) * xs[0].element_size()))
    rows = in_pieces(groups, samples=len(xs[0]), most=min(MOST_ROWS, most))
    xs = [x[rows.order.to(x.device)] for x in xs] if groups else xs
    batches = _batches(xs)
    lengths = None if kernel is None else torch.stack([x.square().sum(1) for x in xs])
    # Row sums of inner products come from sums of features, unless tiles are smaller than features.
    by_features = kernel is None and max(x.shape[1] for x in xs) <= len(xs[0])

    # Fresh memory for every strip would take as long as its products.
    room = xs[0].new_empty(len(xs) * max(b - a for a, b in rows.spans) * len(xs[0]))

    def strip(mine: slice, others: slice) -> Tensor:
        shape = len(xs), mine.stop - mine.start, others.stop - others.start
        out = room[: math.prod(shape)].view(shape)
        for models, x in batches:
            a, b = x[:, mine], x[:, others].transpose(1, 2)
            if isinstance(models, slice):
                torch.bmm(a, b, out=out[models])
            else:
                out[models] = torch.bmm(a, b)
        if kernel is None or lengths is None:
            return out
        if mine.start == others.start:
            # Of a far sample, rounding would be the distance to itself.
            out[:, :, : shape[1]].diagonal(dim1=1, dim2=2).copy_(lengths[:, mine])
        return kernel(out, lengths[:, mine], lengths[:, others])

    return _moments_of_strips(rows, strip, like=xs, by_features=by_features)


def _moments_of_strips(
    rows: RowsByGroup, strip_of: Callable[[slice, slice], Tensor], *, like: Sequence[Tensor], by_features: bool
) -> Moments:
    """Sums over tiles of strips ``(models, rows, columns)`` of the upper triangle; each strip is used up at once."""
    models, samples = len(like), len(like[0])
    sums = MomentSums.empty(rows, models=models, samples=samples, device=like[0].device)
    if by_features:
        sums.add_linear_rows(like, rows)
    work = [(stop - start) * (samples - start) for start, stop in rows.spans]
    for p, (start, stop) in steps(list(enumerate(rows.spans)), sizes=work):
        # Of a single group, all columns on the right are one tile, which then need not be copied out of its strip.
        for left, right in [(start, samples)] if rows.grouped else [(start, stop), (stop, samples)]:
            strip = strip_of(slice(start, stop), slice(left, right))
            if left == start:
                # What a sample has with itself is kept apart in float64: it may be far larger than all the rest.
                itself = strip[:, :, : stop - start].diagonal(dim1=1, dim2=2)
                sums.diagonal[:, start:stop] = itself
                itself.zero_()
            for low, high, owner in rows.tiles(left, right):
                tile = strip[:, :, low - left : high - left]
                if not by_features:
                    sums.rows[:, start:stop, owner] += tile.sum(2, dtype=torch.float64)
                if not by_features and low > start:
                    sums.rows[:, low:high, rows.owners[p]] += tile.sum(1, dtype=torch.float64)
                sums.add(_products(tile.reshape(models, -1)), rows.owners[p], owner, again=low > start)
    return sums.moments(rows, grouped=rows.grouped)


def _products(flat: Tensor) -> Tensor:
    """Inner products of rows ``(models, entries)``, float64 from parts short enough for float32."""
    return torch.stack([(part @ part.T).to(torch.float64) for part in flat.split(MOST_ROWS**2, dim=1)]).sum(0)


def feature_moments(xs: Sequence[Tensor], groups: Sequence[Tensor]) -> Moments:
    """The same moments of linear kernels from products of features: less work when samples abound."""
    rows = in_pieces(groups, samples=len(xs[0]), most=MOST_ROWS)
    xs = [x[rows.order.to(x.device)] for x in xs] if groups else list(xs)
    sums = MomentSums.empty(rows, models=len(xs), samples=len(xs[0]), device=xs[0].device)
    wide = torch.cat(list(xs), 1)
    parts = torch.zeros(rows.count, wide.shape[1], wide.shape[1], dtype=torch.float64, device=wide.device)
    for (start, stop), owner in steps(list(zip(rows.spans, rows.owners, strict=True))):
        some = wide[start:stop].to(torch.float64)
        parts[owner] += some.T @ some
    for m, x in enumerate(xs):
        sums.diagonal[m] = x.to(torch.float64).square().sum(1)
    sums.add_linear_rows(xs, rows)
    whole = parts.sum(0)
    edges = [0, *itertools.accumulate(x.shape[1] for x in xs)]

    def by_model(grid: Tensor) -> Tensor:
        bands = torch.stack([grid[a:b].sum(0) for a, b in itertools.pairwise(edges)])
        return torch.stack([bands[:, a:b].sum(1) for a, b in itertools.pairwise(edges)], 1)

    sums.total.copy_(by_model(whole.square()))
    for g in range(rows.count):
        mine = sums.diagonal[:, rows.of(g)]
        itself = mine @ mine.T
        sums.total.sub_(itself)
        sums.strips[g] = by_model(parts[g] * whole) - itself
        sums.blocks[g] = by_model(parts[g].square()) - itself
    return sums.moments(rows, grouped=rows.grouped)


def _batches(xs: Sequence[Tensor]) -> list[tuple[Tensor | slice, Tensor]]:
    """Small models of one width stacked ``(models, samples, width)``; large ones each alone, without a copy."""
    if max(x.numel() for x in xs) > MOST_STACKED:
        return [(slice(m, m + 1), x[None]) for m, x in enumerate(xs)]
    widths: dict[int, list[int]] = {}
    for m, x in enumerate(xs):
        widths.setdefault(x.shape[1], []).append(m)
    if len(widths) == 1:
        return [(slice(None), torch.stack(list(xs)))]
    return [(torch.tensor(m), torch.stack([xs[i] for i in m])) for m in widths.values()]
