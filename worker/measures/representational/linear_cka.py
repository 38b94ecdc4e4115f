"""Linear CKA, the unbiased estimator."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.hsic import linear_moments, unbiased_alignment
from kinscape.worker.similarity.hsic_of_positions import cka_of_positions
from kinscape.worker.similarity.kernels import enough_for_unbiased, unit_u_gram


def all_pairs(batch: Features) -> PairResults:
    """Every pair from one pass over the tiles of all Gram matrices."""
    moments = linear_moments(batch)
    return unbiased_alignment(batch, moments)


@measure(
    layer_card(
        slug="linear-cka",
        version=2,
        title="Linear CKA, unbiased",
        formula=r"\frac{\mathrm{HSIC}_u(X,Y)}{\sqrt{\mathrm{HSIC}_u(X,X)\,\mathrm{HSIC}_u(Y,Y)}}",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples; about 0 for independent features at any width",
        pitfalls="Small negative values are sampling noise around 0 and are not clipped. Dominated by the few "
        "directions of largest variance. With positions as samples, pairs within one sample are left out.",
        source="Kornblith et al. 2019, section 3; unbiased HSIC of Song et al. 2012, equation 5; Nguyen et al. 2021",
        pace=Pace.PRODUCT,
        takes_positions=True,
    ),
    prepare=unit_u_gram,
    all_pairs=FromFeatures(all_pairs, check=enough_for_unbiased, positions=cka_of_positions),
    undefined="The features do not vary beyond rounding over the probe set, so similarity is 0/0.",
)
def linear_cka(x: Tensor, y: Tensor) -> Tensor:
    """How far two layers order the similarities of samples alike; 0 for independent features."""
    return x @ y
