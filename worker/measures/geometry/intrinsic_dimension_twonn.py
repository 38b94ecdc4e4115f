"""Intrinsic dimension from the two nearest neighbours."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card


@measure(
    one_layer_card(
        slug="intrinsic-dimension-twonn",
        title="Intrinsic dimension (TwoNN)",
        formula=r"\text{slope of } -\log(1 - F(\mu)) \text{ on } \log\mu,\quad \mu_i = \frac{r_{i,2}}{r_{i,1}}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        reliable_from="1,000 samples; underestimates high dimensions with fewer",
        pitfalls="Local: noise at the scale of the nearest neighbour adds dimensions. Samples seen twice are left out.",
        source="Facco et al. 2017, section 2: fit through the origin without the largest tenth",
        parameters=(
            Parameter(
                name="discard", default=0.1, minimum=0.0, maximum=0.9, help="Share of the largest ratios left out."
            ),
        ),
    ),
)
def intrinsic_dimension_twonn(layer: Layer, *, discard: float) -> Tensor:
    """Dimension of the surface on which samples lie, from the ratio of their two nearest distances."""
    x = layer.features.to(torch.float64)
    if len(x) < 3:
        raise Undefined(f"Two neighbours need at least 3 samples; there are {len(x)}.")
    apart = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    near = apart.topk(2, dim=1, largest=False).values
    ratios = (near[:, 1] / near[:, 0])[near[:, 0] > 0].log().sort().values
    count = len(ratios)
    kept = ratios[: max(1, int(count * (1 - discard)))]
    if count >= 3 and not float(kept.square().sum()) > 0:
        raise Undefined(
            "The two nearest neighbours of nearly every sample are equally far, as on a grid: the ratio is 1."
        )
    if count < 3:
        raise Undefined("Nearly all samples coincide with another, so their nearest distances have no ratio.")
    share = torch.arange(1, len(kept) + 1, dtype=torch.float64, device=x.device) / count
    rise = -torch.log1p(-share.clamp_max(1 - 1 / (2 * count)))
    return (kept @ rise) / kept.square().sum()
