"""RSA of dissimilarities without their extremes."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.prepared_matrix import PreparedMatrix
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.kernels import inner_products
from kinscape.worker.similarity.rdm import Ranked, clipped, dissimilarities, unit


def without_extremes(features: Tensor, *, inner: str, low: float, high: float) -> Tensor:
    """Ranks of the clipped dissimilarities of one layer, as a vector of length 1."""
    kept = clipped(dissimilarities(features, inner=inner), low=low, high=high)
    return unit(Ranked(kept).ranks(), centre=True)


@measure(
    layer_card(
        slug="rsa-geo-topological",
        title="Geo-topological RSA",
        formula=r"\rho\big(f(\mathrm{RDM}(X)), f(\mathrm{RDM}(Y))\big),\quad f(d) = \mathrm{clip}\Big(\frac{d "
        r"- q_l}{q_u - q_l}, 0, 1\Big)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples",
        pitfalls="Small dissimilarities become 0 and large ones 1, so it is between topology and geometry. Each "
        "model has its own quantiles.",
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
                default=0.2,
                minimum=0.0,
                maximum=0.99,
                help="Quantile below which dissimilarities become 0.",
            ),
            Parameter(name="high", default=0.8, minimum=0.01, maximum=1.0, help="Quantile above which they become 1."),
        ),
        pace=Pace.PRODUCT,
    ),
    prepare=without_extremes,
    all_pairs=PreparedMatrix(inner_products),
    undefined="All pairs of samples are equally dissimilar, so their correlation is 0/0.",
)
def rsa_geo_topological(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Rank correlation of the two models' dissimilarities, the smallest and the largest made equal."""
    return x @ y
