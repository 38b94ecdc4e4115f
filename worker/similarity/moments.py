"""What HSIC takes from kernel matrices: sums of products, rows and all entries, whole and without each group."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

# A sample so much longer than the mean would take digits of float32 from the others.
UNEVEN = 20


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


@dataclass(frozen=True)
class RowsByGroup:
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
        """How many groups there are."""
        return max(self.owners) + 1


def in_pieces(groups: Sequence[Tensor], *, samples: int, most: int) -> RowsByGroup:
    """Groups of samples, or all samples, cut into pieces of at most so many rows."""
    spans, owners, start = [], [], 0
    for owner, group in enumerate(groups or (torch.arange(samples),)):
        for piece in group.tensor_split(math.ceil(len(group) / most)):
            spans.append((start, start + len(piece)))
            owners.append(owner)
            start += len(piece)
    return RowsByGroup(torch.cat(list(groups)) if groups else torch.arange(samples), spans, owners, bool(groups))


@dataclass(frozen=True)
class MomentSums:
    """What tiles add up to, all off the diagonal: products, whole and by group; rows; and the diagonal itself."""

    total: Tensor
    strips: Tensor
    blocks: Tensor
    rows: Tensor
    diagonal: Tensor

    @classmethod
    def empty(cls, rows: RowsByGroup, *, models: int, samples: int, device: torch.device) -> "MomentSums":
        """Nothing added yet."""

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

    def add_linear_rows(self, xs: Sequence[Tensor], rows: RowsByGroup) -> None:
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

    def moments(self, rows: RowsByGroup, *, grouped: bool) -> Moments:
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
