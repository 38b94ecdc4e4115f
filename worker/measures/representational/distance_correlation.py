"""Distance correlation of two clouds of samples."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.hsic import biased_alignment, distance_moments, unbiased_alignment
from kinscape.worker.similarity.kernels import centred, double_centred, enough_for_unbiased, u_centred, unit_triangle


def unit_distances(features: Tensor, *, estimator: str) -> Tensor:
    """The centred matrix of distances as a vector of length 1."""
    x = centred(features)
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    middle = u_centred(distances) if estimator == "unbiased" else double_centred(distances)
    return unit_triangle(middle, size=float(distances.norm()))


def all_pairs(batch: Features, *, estimator: str) -> PairResults:
    """Every pair from one pass over the tiles of all distance matrices."""
    moments = distance_moments(batch)
    if estimator == "unbiased":
        return unbiased_alignment(batch, moments)
    found = biased_alignment(batch, moments)
    assert found.replicates is not None
    return PairResults(found.values.clamp_min(0).sqrt(), found.replicates.clamp_min(0).sqrt())


@measure(
    layer_card(
        slug="distance-correlation",
        version=2,
        title="Distance correlation",
        formula=r"\frac{\mathrm{dCov}^2(X,Y)}{\sqrt{\mathrm{dVar}^2(X)\,\mathrm{dVar}^2(Y)}}\ "
        r"\text{(unbiased)},\quad \text{its root (biased)}",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples",
        pitfalls="Unbiased: the squared correlation, about 0 for independent features, may be slightly negative. "
        "Biased: its root as first published, 0.98 for independent Gaussians at N = 100, D = 512.",
        source="Székely et al. 2007, definition 3; unbiased: Székely & Rizzo 2014, equation 3.2",
        parameters=(
            Parameter(
                name="estimator",
                default="unbiased",
                choices=("unbiased", "biased"),
                help="The U-statistic, or the published one with its bias.",
            ),
        ),
        pace=Pace.PRODUCT,
    ),
    undefined="All samples are equally far apart, or one is so far from all others that their distances are lost "
    "beside it: 0/0.",
    prepare=unit_distances,
    all_pairs=FromFeatures(all_pairs, check=enough_for_unbiased),
)
def distance_correlation(x: Tensor, y: Tensor, *, estimator: str) -> Tensor:
    """Whether samples that are far apart in one layer are far apart in the other; 0 for independent features."""
    value = x @ y
    return value if estimator == "unbiased" else value.clamp_min(0).sqrt()
