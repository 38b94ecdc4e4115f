"""Linear CKA as first published: biased upwards when samples are few."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.hsic import biased_alignment, linear_moments
from kinscape.worker.similarity.kernels import centred, double_centred, few_samples, not_constant, unit_triangle


def unit_gram(features: Tensor, **_: object) -> Tensor:
    """The centred linear Gram matrix as a vector of length 1."""
    x = centred(features)
    gram = x @ x.T
    return unit_triangle(double_centred(gram), size=float(gram.norm()))


def all_pairs(batch: Features) -> PairResults:
    """Every pair from one pass over the tiles of all Gram matrices."""
    moments = linear_moments(batch)
    return biased_alignment(batch, moments)


@measure(
    layer_card(
        slug="linear-cka-biased",
        version=2,
        title="Linear CKA, biased (as published)",
        formula=r"\frac{\lVert Y^\top X\rVert_F^2}{\lVert X^\top X\rVert_F\,\lVert Y^\top Y\rVert_F}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="five samples per feature of the wider layer",
        pitfalls="Independent Gaussian features score 0.39 at N = 100, D = 64 and 0.84 at D = 512.",
        source="Kornblith et al. 2019, equation 5",
        pace=Pace.PRODUCT,
        takes_positions=True,
    ),
    prepare=unit_gram,
    all_pairs=FromFeatures(all_pairs, check=not_constant),
    small=few_samples,
    undefined="The features do not vary beyond rounding over the probe set, so similarity is 0/0.",
)
def linear_cka_biased(x: Tensor, y: Tensor) -> Tensor:
    """How far two layers order the similarities of samples alike, with the published bias."""
    return x @ y
