"""Linear CKA of features at every position: pairs of positions of one sample do not count.

Positions of one image are alike in every network, so with those pairs even independent features score above 0.
The estimator is the U-statistic of HSIC in which the four indices are of four different samples and every
position counts once; with one position it is that of Song et al. 2012, equation 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.measures.inputs import Undefined
from worker.measures.measure import Block, Together
from worker.measures.progress import steps
from worker.measures.representational.gram import centred

VALUES_AT_ONCE = 1 << 23
FEWEST = 4


@dataclass(frozen=True)
class Side:
    """One model's features and their sums; index 0 of ``kept`` is the whole, g+1 is without group g. float64.

    Attributes:
        x: ``(samples, positions, width)``.
        s: ``(samples, width)`` sums over positions.
        kept: ``(1+groups, samples)`` 1 for the samples that are left.
        own: ``(samples, positions)`` products of each position with the sum of its sample.
        rows: ``(samples, positions, 1+groups)`` products of each position with the sum of all other samples.
    """

    x: Tensor
    s: Tensor
    kept: Tensor
    own: Tensor
    rows: Tensor

    @classmethod
    def of(cls, features: Tensor, kept: Tensor) -> "Side":
        """The sums of one model's features."""
        x = centred(features.flatten(0, 1)).view(features.shape)
        s = x.sum(1)
        own = torch.einsum("npd,nd->np", x, s)
        rows = x @ (kept @ s).T - own[:, :, None]
        return cls(x, s, kept, own, rows)


def unbiased_hsic(a: Side, b: Side, groups: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """HSIC whole and without each group, ``(1+groups,)``, and the part of it that rounding is measured by."""
    positions = a.x.shape[1]
    crosses, sums, within = _by_group(a, b, groups)
    kept = a.kept

    def over(values: Tensor) -> Tensor:
        return kept @ values

    pairs = crosses.square().sum((1, 2)) - over(within)
    by_row = (crosses * sums).sum((1, 2)) - over((a.own * b.own).sum(1))
    by_sample = sums.square().sum((1, 2)) - over(a.s.square().sum(1) * b.s.square().sum(1))
    rows = (kept * (a.rows * b.rows).sum(1).T).sum(1)
    totals = [side.rows.sum(1).T * kept for side in (a, b)]
    grand = totals[0].sum(1) * totals[1].sum(1) - 4 * (totals[0] * totals[1]).sum(1) + 2 * by_sample
    n = kept.sum(1)
    two, three, four = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    size = pairs / (two * positions**2)
    return size + grand / (four * positions**4) - 2 * (rows - by_row) / (three * positions**3), size


def _by_group(a: Side, b: Side, groups: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Products of features over positions and over sums ``(1+groups, width, width)``, and each sample's square."""
    widths = a.x.shape[2], b.x.shape[2]
    within = a.x.new_empty(len(a.x))
    at_once = max(1, VALUES_AT_ONCE // (widths[0] * widths[1]))
    crosses, sums = [], []
    for group in groups or (torch.arange(len(a.x)),):
        cross = a.x.new_zeros(widths)
        for some in group.to(a.x.device).split(at_once):
            each = a.x[some].mT @ b.x[some]
            within[some] = each.square().sum((1, 2))
            cross += each.sum(0)
        crosses.append(cross)
        sums.append(a.s[group].T @ b.s[group])
    return _left_out(crosses, groups), _left_out(sums, groups), within


def _left_out(parts: Sequence[Tensor], groups: Sequence[Tensor]) -> Tensor:
    stack = torch.stack(list(parts))
    whole = stack.sum(0, keepdim=True)
    return torch.cat([whole, whole - stack]) if groups else whole


def cka_of_positions(block: Block) -> Together:
    """Unbiased linear CKA of every pair of a block of features ``(samples, positions, width)``."""
    samples = len(block.items[0])
    if samples < FEWEST:
        raise Undefined(f"The unbiased estimator needs at least {FEWEST} samples; there are {samples}.")
    device = block.items[0].device
    kept = torch.ones(1 + len(block.groups), samples, dtype=torch.float64, device=device)
    for g, group in enumerate(block.groups):
        kept[g + 1, group.to(device)] = 0
    sides = [Side.of(x, kept) for x in block.items]
    own = []
    for side in sides:
        value, size = unbiased_hsic(side, side, block.groups)
        own.append(value.where(value > 1e-12 * size, torch.nan).sqrt())
    found = []
    for i, j in steps(block.pairs.tolist()):
        value = torch.ones_like(own[i]) if i == j else unbiased_hsic(sides[i], sides[j], block.groups)[0]
        found.append(value / own[i] / own[j] if i != j else value.where(own[i].isfinite(), torch.nan))
    both = torch.stack(found, 1).cpu()
    return Together(both[0], both[1:])
