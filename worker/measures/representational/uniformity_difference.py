"""Uniformity difference of two representations."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.prepared_matrix import PreparedMatrix
from kinscape.worker.measures.representational.family import layer_card

# Tiles of so many rows stay near the processor.
ROWS_AT_ONCE = 128
# Share of a squared length that products of float64 may be wrong by.
ROUNDING = 1e-15
# Squared distances wrong by so little change no sum of kernels in its ninth digit.
HARMLESS = 1e-9


def description(features: Tensor, *, t: float) -> Tensor:
    """The one number that describes a layer."""
    x = features.to(torch.float64)
    x = x - x.mean(0)
    lengths = x.square().sum(1)
    # A product of long samples cannot tell near ones apart.
    fits = ROUNDING * t * float(lengths.amax()) < HARMLESS
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for rows in torch.arange(len(x), device=x.device).split(ROWS_AT_ONCE):
        if fits:
            squares = (x[rows] @ x.T).mul_(-2).add_(lengths).add_(lengths[rows, None]).clamp_min_(0)
        else:
            squares = torch.cdist(x[rows], x, compute_mode="donot_use_mm_for_euclid_dist").square_()
        # A sample and itself add 1 each: the sum is neither 0 nor beyond a float.
        total += squares.mul_(-t).exp_().sum()
    return total.log() - 2 * math.log(len(x))


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor], **_: object) -> Tensor:
    """Every difference of two numbers."""
    return (torch.stack(list(left))[:, None] - torch.stack(list(right))[None, :]).abs()


@measure(
    layer_card(
        slug="uniformity-difference",
        version=2,
        title="Uniformity difference",
        formula=r"\Big|\log\tfrac1{N^2}\sum_{ij} e^{-t\lVert x_i-x_j\rVert^2} - \log\tfrac1{N^2}\sum_{ij} "
        r"e^{-t\lVert y_i-y_j\rVert^2}\Big|",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Weak, and not scaled: features far apart all score log(1/N). A sample is compared with itself as "
        "well.",
        source="Wang & Isola 2020, section 4.1.2",
        parameters=(Parameter(name="t", default=2.0, minimum=0.001, maximum=1000.0, help="Sharpness of the kernel."),),
        pace=Pace.PRODUCT,
        has_chance_level=False,
    ),
    prepare=description,
    all_pairs=PreparedMatrix(all_pairs),
)
def uniformity_difference(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Difference of how evenly samples fill their space."""
    return (x - y).abs()
