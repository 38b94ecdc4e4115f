"""Linear CKA of features at every position: pairs of positions of one sample do not count.

Positions of one image are alike in every network, so with those pairs even independent features score above 0.
The estimator is the U-statistic of HSIC in which the four indices are of four different samples and every
position counts once; with one position it is that of Song et al. 2012, equation 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.progress import steps

# 64 MiB of float64 at a time.
VALUES_AT_ONCE = 1 << 23
# The unbiased estimator divides by n(n - 3).
FEWEST = 4


@dataclass(frozen=True)
class PositionSums:
    """One model's features and their sums; index 0 of ``kept`` is the whole, g+1 is without group g. float64.

    Attributes:
        features: ``(samples, positions, width)`` as they came, made exact strip by strip.
        mean: ``(width,)``, and ``scale``, one number for all.
        s: ``(samples, width)`` sums over positions.
        own: ``(samples, positions)`` products of each position with the sum of its sample.
        ends: ``(1+groups, width)`` sums over all samples that are left.
    """

    features: Tensor
    mean: Tensor
    scale: float
    s: Tensor
    own: Tensor
    ends: Tensor

    @classmethod
    def of(cls, features: Tensor, kept: Tensor) -> "PositionSums":
        """The sums of one model's features."""
        samples, positions, width = features.shape
        total = torch.zeros(width, dtype=torch.float64, device=features.device)
        for part in features.split(max(1, VALUES_AT_ONCE // (positions * width))):
            total += part.sum((0, 1), dtype=torch.float64)
        # One scale for all does not matter, and keeps squares within what a float can hold.
        scale = float(features.abs().amax()) or 1.0
        bare = cls(features, total / (samples * positions), scale, total, total, total)
        sums, own = [], []
        for rows in torch.arange(samples).split(max(1, VALUES_AT_ONCE // (positions * width))):
            x = bare.rows(rows)
            sums.append(x.sum(1))
            own.append(torch.einsum("npd,nd->np", x, sums[-1]))
        s = torch.cat(sums)
        return replace(bare, s=s, own=torch.cat(own), ends=kept @ s)

    def rows(self, samples: Tensor) -> Tensor:
        """Centred features of some samples, ``(samples, positions, width)``."""
        return (self.features[samples.to(self.features.device)].to(torch.float64) - self.mean) / self.scale


def unbiased_hsic(a: PositionSums, b: PositionSums, kept: Tensor, groups: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """HSIC whole and without each group, ``(1+groups,)``, and the part of it that rounding is measured by.

    Args:
        kept: ``(1+groups, samples)`` 1 for the samples that are left.
    """
    positions = a.features.shape[1]
    found = _by_group(a, b, groups)
    own = kept @ (a.own * b.own).sum(1)
    pairs = found.crosses.square().sum((1, 2)) - kept @ found.within
    by_row = (found.crosses * found.sums).sum((1, 2)) - own
    by_sample = found.sums.square().sum((1, 2)) - kept @ (a.s.square().sum(1) * b.s.square().sum(1))
    # Products of each position with the sum of all other samples, of both models, multiplied and summed.
    rows = torch.einsum("gd,gde,ge->g", a.ends, found.crosses, b.ends) + own
    rows = rows - (a.ends * found.left).sum(1) - (b.ends * found.right).sum(1)
    totals = [kept * (side.ends @ side.s.T - side.s.square().sum(1)) for side in (a, b)]
    grand = totals[0].sum(1) * totals[1].sum(1) - 4 * (totals[0] * totals[1]).sum(1) + 2 * by_sample
    n = kept.sum(1)
    two, three, four = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    size = pairs / (two * positions**2)
    return size + grand / (four * positions**4) - 2 * (rows - by_row) / (three * positions**3), size


@dataclass(frozen=True)
class CrossHsic:
    """What two models' features give together, whole and without each group.

    Attributes:
        crosses, sums: ``(1+groups, width, width)`` products of features over positions, and of their sums.
        left, right: ``(1+groups, width)`` features of one model weighed by ``own`` of the other.
        within: ``(samples,)`` squared length of each sample's own product.
    """

    crosses: Tensor
    sums: Tensor
    left: Tensor
    right: Tensor
    within: Tensor


def _by_group(a: PositionSums, b: PositionSums, groups: Sequence[Tensor]) -> CrossHsic:
    samples, positions, width = a.features.shape
    other = b.features.shape[2]
    within = a.s.new_empty(samples)
    at_once = max(1, VALUES_AT_ONCE // max(width * other, positions * (width + other)))
    parts: list[list[Tensor]] = [[], [], [], []]
    for group in groups or (torch.arange(samples),):
        cross, left, right = a.s.new_zeros(width, other), a.s.new_zeros(width), a.s.new_zeros(other)
        for some in group.to(a.s.device).split(at_once):
            x, y = a.rows(some), b.rows(some)
            each = x.mT @ y
            within[some] = each.square().sum((1, 2))
            cross += each.sum(0)
            left += torch.einsum("npd,np->d", x, b.own[some])
            right += torch.einsum("npd,np->d", y, a.own[some])
        for kind, part in zip(parts, (cross, a.s[group].T @ b.s[group], left, right), strict=True):
            kind.append(part)
    crosses, sums, left, right = (_left_out(kind, groups) for kind in parts)
    return CrossHsic(crosses, sums, left, right, within)


def _left_out(parts: Sequence[Tensor], groups: Sequence[Tensor]) -> Tensor:
    stack = torch.stack(list(parts))
    whole = stack.sum(0, keepdim=True)
    return torch.cat([whole, whole - stack]) if groups else whole


def cka_of_positions(batch: Features) -> PairResults:
    """Unbiased linear CKA of every pair of a batch of features ``(samples, positions, width)``."""
    samples = len(batch.items[0])
    if samples < FEWEST:
        raise Undefined(f"The unbiased estimator needs at least {FEWEST} samples; there are {samples}.")
    device = batch.items[0].device
    kept = torch.ones(1 + len(batch.groups), samples, dtype=torch.float64, device=device)
    for g, group in enumerate(batch.groups):
        kept[g + 1, group.to(device)] = 0
    sides = [PositionSums.of(x, kept) for x in batch.items]
    own = []
    for side in sides:
        value, size = unbiased_hsic(side, side, kept, batch.groups)
        own.append(value.where(value > 1e-12 * size, torch.nan).sqrt())
    found = []
    for i, j in steps(batch.pairs.tolist()):
        value = torch.ones_like(own[i]) if i == j else unbiased_hsic(sides[i], sides[j], kept, batch.groups)[0]
        found.append(value / own[i] / own[j] if i != j else value.where(own[i].isfinite(), torch.nan))
    both = torch.stack(found, 1).cpu()
    return PairResults(both[0], both[1:])
