"""Orthogonal Procrustes distance of two representations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.measure import measure
from worker.measures.representational.gram import centred


def unit_centred(features: Tensor, **_: object) -> Tensor:
    """Centred features of Frobenius norm 1, at most ``samples`` columns wide."""
    x = centred(features)
    if x.shape[1] > x.shape[0]:
        u, s, _vh = torch.linalg.svd(x, full_matrices=False)
        x = u * s
    unit: Tensor = x / x.norm()
    return unit


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """Nuclear norms of all products; layers of one width are factorised as a batch."""
    values = torch.empty(len(left), len(right), dtype=torch.float64)
    widths: dict[int, list[int]] = {}
    for j, y in enumerate(right):
        widths.setdefault(y.shape[1], []).append(j)
    for columns in widths.values():
        stacked = torch.stack([right[j] for j in columns])
        for i, x in enumerate(left):
            nuclear = torch.linalg.svdvals(x.T @ stacked).sum(-1)
            values[i, columns] = (2 - 2 * nuclear).clamp_min(0).cpu()
    return values


@measure(
    slug="procrustes",
    title="Orthogonal Procrustes distance",
    family=Family.REPRESENTATIONAL,
    question=Question.SEE_ALIKE,
    formula=r"\lVert X\rVert_F^2 + \lVert Y\rVert_F^2 - 2\lVert X^\top Y\rVert_*",
    input=Input.FEATURES,
    bounds=(0.0, 2.0),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="samples well above the width; with fewer samples than features all layers look close",
    pitfalls="Squared, hence no metric: maps use its root. Centred, unit Frobenius norm. Rounding below "
    "zero is cut. One minus half of it is the normalised Bures similarity.",
    source="Ding et al. 2021, section 2",
    prepare=unit_centred,
    matrix=all_pairs,
    tolerance=1e-6,
)
def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance that is left after the best rotation of one layer onto the other."""
    nuclear: Tensor = torch.linalg.svdvals(x.T @ y).sum()
    return (2 - 2 * nuclear).clamp_min(0)
