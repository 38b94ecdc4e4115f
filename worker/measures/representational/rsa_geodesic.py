"""RSA of distances along the data."""

import numpy as np
import torch
from scipy.sparse.csgraph import csgraph_from_dense, shortest_path
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.prepared_matrix import PreparedMatrix
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.kernels import inner_products
from kinscape.worker.similarity.rdm import Ranked, clipped, condensed, dissimilarities, square, unit


def geodesics(features: Tensor, *, inner: str, low: float, high: float) -> Tensor:
    """Ranks of the shortest paths between samples, as a vector of length 1."""
    lengths = square(clipped(dissimilarities(features, inner=inner), low=low, high=high)).cpu().numpy()
    # Infinity stands for a missing edge here, so that an edge may have length 0.
    edges = csgraph_from_dense(np.where(lengths >= 1, np.inf, lengths), null_value=np.inf)
    paths = torch.from_numpy(shortest_path(edges, method="D", directed=False)).to(features.device)
    if not bool(paths.isfinite().all()):
        raise Undefined(f"The graph of pairs below the {high:g} quantile falls apart; raise high.")
    return unit(Ranked(condensed(paths)).ranks(), centre=True)


@measure(
    layer_card(
        slug="rsa-geodesic",
        title="Geodesic RSA",
        formula=r"\rho\big(g(\mathrm{RDM}(X)), g(\mathrm{RDM}(Y))\big),\quad g = \text{shortest paths over "
        r"pairs with } d < q_u",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples",
        pitfalls="Pairs beyond the upper quantile have no edge; where the graph falls apart there is a reason, "
        "not infinity. Pairs below the lower quantile have an edge of length 0. Slow above 500 samples. "
        "Intervals are too wide, because paths jump when samples leave.",
        source="Lin & Kriegeskorte 2024, section 2, with Spearman correlation",
        parameters=(
            Parameter(
                name="inner",
                default="correlation",
                choices=("correlation", "euclidean", "cosine"),
                help="How two samples of one model are compared.",
            ),
            Parameter(
                name="low",
                default=0.0,
                minimum=0.0,
                maximum=0.99,
                help="Quantile below which dissimilarities become 0.",
            ),
            Parameter(name="high", default=0.8, minimum=0.01, maximum=1.0, help="Quantile above which they become 1."),
        ),
        pace=Pace.PRODUCT,
    ),
    prepare=geodesics,
    all_pairs=PreparedMatrix(inner_products),
    undefined="All pairs of samples are equally dissimilar, so their correlation is 0/0.",
)
def rsa_geodesic(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Rank correlation of the two models' dissimilarities, measured along chains of near samples."""
    return x @ y
