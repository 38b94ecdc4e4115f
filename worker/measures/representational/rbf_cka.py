"""CKA with a Gaussian kernel, the unbiased estimator."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.hsic import rbf_moments, unbiased_alignment
from kinscape.worker.similarity.kernels import centred, enough_for_unbiased, rbf_gram, u_centred, unit_triangle


def unit_u_gram(features: Tensor, *, fraction: float) -> Tensor:
    """The U-centred Gaussian kernel matrix as a vector of length 1."""
    gram = rbf_gram(centred(features), fraction=fraction)
    return unit_triangle(u_centred(gram), size=float(gram.norm()))


def all_pairs(batch: Features, *, fraction: float) -> PairResults:
    """Every pair from one pass over the tiles of all kernel matrices."""
    moments = rbf_moments(batch, fraction=fraction)
    return unbiased_alignment(batch, moments)


@measure(
    layer_card(
        slug="rbf-cka",
        version=2,
        title="RBF CKA, unbiased",
        formula=r"\mathrm{CKA}_u \text{ with } K_{ij} = \exp\!\Big(-\frac{\lVert x_i - "
        r"x_j\rVert^2}{2\sigma^2}\Big),\ \sigma = f \cdot \mathrm{median}_{i<j}\lVert x_i - x_j\rVert",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.FIRST_ORDER,
        reliable_from="50 samples",
        pitfalls="A bandwidth well below the median distance makes every sample similar to itself alone. The "
        "interval holds the bandwidth fixed.",
        source="Kornblith et al. 2019, section 3; unbiased HSIC of Song et al. 2012, equation 5",
        parameters=(
            Parameter(
                name="fraction",
                default=1.0,
                minimum=0.01,
                maximum=100.0,
                help="Bandwidth as a share of the median distance between two samples.",
            ),
        ),
        pace=Pace.PRODUCT,
    ),
    prepare=unit_u_gram,
    all_pairs=FromFeatures(all_pairs, check=enough_for_unbiased),
    undefined="The median distance between two samples is 0, or all samples are equally far apart: 0/0.",
)
def rbf_cka(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Like linear CKA, but dominated by near pairs of samples."""
    return x @ y
