"""One pass over all Gram matrices: what CKA and its relatives need, whole and without each group.

For kernel matrices K, L of two models, HSIC needs three numbers: the sum of K∘L, the inner product
of the row sums, and the product of the grand sums. Leaving a group of samples out takes its rows
and columns from each. So tiles of the kernel matrices are made once, for all models together, and
their products are kept by pair of groups: intervals cost little more than values.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features
from kinscape.worker.numerics.gram_product import products_of_rows
from kinscape.worker.numerics.progress import steps
from kinscape.worker.numerics.threads import side_by_side
from kinscape.worker.similarity.kernels import median_distance, outliers, outlying, scaled

# One strip of all models' Gram matrices.
TILE_BYTES = 96 << 20
# Parts short enough for sums in float32; parts are added in float64.
MOST_ROWS = 256
# A sample so much longer than the mean would take digits of float32 from the others.
UNEVEN = 20
# Larger features are multiplied one by one, without a copy.
MOST_STACKED = 1 << 19
# Columns of a strip fit the cache.
STRIP_ENTRIES = 1 << 20
# Sums of which so small a share is left lost two of the seven digits of float32.
CANCELLED = 1e-2
# A bandwidth that is a smaller share of the longest sample takes squared distances with less than four digits.
SHORT = 0.1
Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Moments:
    """Sums over kernel matrices of M models; index 0 is the whole, g+1 is without group g. float64.

    Attributes:
        samples: ``(1+G,)`` how many samples are left.
        products: ``(1+G, M, M)`` sums of K∘L; ``products_off`` without the diagonal.
        rows: ``(1+G, M, M)`` inner products of row sums; ``rows_off`` without the diagonal.
        sums: ``(1+G, M)`` grand sums; ``sums_off`` without the diagonal.
        exact: whether the kernels were made in float64, too.
    """

    samples: Tensor
    products: Tensor
    products_off: Tensor
    rows: Tensor
    rows_off: Tensor
    sums: Tensor
    sums_off: Tensor
    exact: bool = field(default=False, kw_only=True)

    def unbiased(self) -> Tensor:
        """Unbiased HSIC times n(n-3), ``(1+G, M, M)``. Source: Song et al. 2012, equation 5."""
        n = self.samples[:, None, None]
        grand = self.sums_off[:, :, None] * self.sums_off[:, None, :]
        return self.products_off + grand / ((n - 1) * (n - 2)) - 2 / (n - 2) * self.rows_off

    def biased(self) -> Tensor:
        """Biased HSIC times (n-1)², ``(1+G, M, M)``. Source: Gretton et al. 2005, equation 9."""
        n = self.samples[:, None, None]
        grand = self.sums[:, :, None] * self.sums[:, None, :]
        return self.products - 2 / n * self.rows + grand / n**2


def unbiased_alignment(batch: Features, moments: Moments) -> PairResults:
    """Unbiased HSIC divided by the root of both models' own."""
    return _alignment(moments.unbiased(), moments.products_off, batch, moments)


def biased_alignment(batch: Features, moments: Moments) -> PairResults:
    """Biased HSIC divided by the root of both models' own."""
    return _alignment(moments.biased(), moments.products, batch, moments)


def _alignment(hsic: Tensor, products: Tensor, batch: Features, moments: Moments) -> PairResults:
    """For chosen pairs; NaN where rounding of the products is all there is."""
    own = hsic.diagonal(dim1=1, dim2=2)
    least = (1e-12 if moments.exact else 1e-7) * products.diagonal(dim1=1, dim2=2)
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
    rows = _in_pieces(groups, samples=len(grams[0]), most=MOST_ROWS)
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
    rows = _in_pieces(groups, samples=len(xs[0]), most=min(MOST_ROWS, most))
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
    rows: "_RowsByGroup", strip_of: Callable[[slice, slice], Tensor], *, like: Sequence[Tensor], by_features: bool
) -> Moments:
    """Sums over tiles of strips ``(models, rows, columns)`` of the upper triangle; each strip is used up at once."""
    models, samples = len(like), len(like[0])
    sums = _Sums.empty(rows, models=models, samples=samples, device=like[0].device)
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
    rows = _in_pieces(groups, samples=len(xs[0]), most=MOST_ROWS)
    xs = [x[rows.order.to(x.device)] for x in xs] if groups else list(xs)
    sums = _Sums.empty(rows, models=len(xs), samples=len(xs[0]), device=xs[0].device)
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


@dataclass(frozen=True)
class _RowsByGroup:
    """Samples in an order in which groups lie together, cut into pieces."""

    order: Tensor
    spans: list[tuple[int, int]]
    owners: list[int]
    grouped: bool

    def of(self, owner: int) -> Tensor:
        """Places of one group's samples."""
        spans = zip(self.spans, self.owners, strict=True)
        return torch.cat([torch.arange(start, stop) for (start, stop), o in spans if o == owner])

    def tiles(self, left: int, right: int) -> list[tuple[int, int, int]]:
        """Ends and owners of the tiles between two places; without groups it is one."""
        if not self.grouped:
            return [(left, right, 0)] if left < right else []
        spans = zip(self.spans, self.owners, strict=True)
        return [(low, high, owner) for (low, high), owner in spans if left <= low < right]

    @property
    def count(self) -> int:
        return max(self.owners) + 1


def _in_pieces(groups: Sequence[Tensor], *, samples: int, most: int) -> _RowsByGroup:
    spans, owners, start = [], [], 0
    for owner, group in enumerate(groups or (torch.arange(samples),)):
        for piece in group.tensor_split(math.ceil(len(group) / most)):
            spans.append((start, start + len(piece)))
            owners.append(owner)
            start += len(piece)
    return _RowsByGroup(torch.cat(list(groups)) if groups else torch.arange(samples), spans, owners, bool(groups))


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


@dataclass(frozen=True)
class _Sums:
    """What tiles add up to, all off the diagonal: products, whole and by group; rows; and the diagonal itself."""

    total: Tensor
    strips: Tensor
    blocks: Tensor
    rows: Tensor
    diagonal: Tensor

    @classmethod
    def empty(cls, rows: _RowsByGroup, *, models: int, samples: int, device: torch.device) -> "_Sums":
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=torch.float64, device=device)

        pair, groups = (models, models), rows.count
        return cls(
            zeros(*pair),
            zeros(groups, *pair),
            zeros(groups, *pair),
            zeros(models, samples, groups),
            zeros(models, samples),
        )

    def add(self, product: Tensor, first: int, second: int, *, again: bool) -> None:
        """Count a tile's products, twice where its mirror image is not computed."""
        self.total.add_(product, alpha=2 if again else 1)
        self.strips[first] += product
        if again:
            self.strips[second] += product
        if first == second:
            self.blocks[first].add_(product, alpha=2 if again else 1)

    def add_linear_rows(self, xs: Sequence[Tensor], rows: _RowsByGroup) -> None:
        """Row sums of linear kernels by group, from the sums of the features; samples in the order of the rows."""
        for m, x in enumerate(xs):
            ends = torch.zeros(rows.count, x.shape[1], dtype=torch.float64, device=x.device)
            for (start, stop), owner in zip(rows.spans, rows.owners, strict=True):
                ends[owner] += x[start:stop].sum(0, dtype=torch.float64)
            lengths = x.square().sum(1)
            # Features are centred, so these sums are small and float32 keeps enough of their digits,
            # unless one sample is far larger than the others.
            even = bool(lengths.amax() < UNEVEN * lengths.mean())
            kind = x.dtype if even else torch.float64
            self.rows[m] = x.to(kind) @ ends.T.to(kind)
            for (start, stop), owner in zip(rows.spans, rows.owners, strict=True):
                self.rows[m, start:stop, owner] -= x[start:stop].to(torch.float64).square().sum(1)

    def moments(self, rows: _RowsByGroup, *, grouped: bool) -> Moments:
        """Whole, and without each group."""
        n = self.rows.shape[1]
        owner = torch.cat([torch.full((b - a,), o) for (a, b), o in zip(rows.spans, rows.owners, strict=True)])
        found: list[tuple[Tensor, ...]] = []
        grand = self.rows.sum(2)
        for g in range(-1, rows.count if grouped else 0):
            keep = (owner != g).to(grand.device)
            off = grand if g < 0 else grand - self.rows[:, :, g]
            off, own = off[:, keep], self.diagonal[:, keep]
            near = off + own
            products = self.total if g < 0 else self.total - 2 * self.strips[g] + self.blocks[g]
            found.append((products + own @ own.T, products, near @ near.T, off @ off.T, near.sum(1), off.sum(1)))
        left = [n - int((owner == g).sum()) for g in range(-1, rows.count if grouped else 0)]
        samples = torch.tensor(left, dtype=torch.float64, device=grand.device)
        return Moments(samples, *[torch.stack(parts) for parts in zip(*found, strict=True)])
