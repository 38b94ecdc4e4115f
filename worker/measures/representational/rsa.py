"""Representational similarity analysis."""

from functools import partial

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.rdm import Ranked, dissimilarities, kendall, over_subsets, unit, varied


def all_pairs(batch: Features, *, inner: str, outer: str) -> PairResults:
    """Dissimilarities and their order once per model; a leaving group only renumbers the ranks."""
    return over_subsets(batch, partial(dissimilarities, inner=inner), outer=outer)


@measure(
    layer_card(
        slug="rsa",
        title="Representational similarity analysis",
        formula=r"\rho\big(\mathrm{RDM}(X), \mathrm{RDM}(Y)\big),\quad \mathrm{RDM}_{ij} = 1 - "
        r"\mathrm{corr}(x_i, x_j)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples",
        pitfalls="Features are used as given: with correlation dissimilarities a shift of one feature changes "
        "it. Ignores rotation only with the euclidean or cosine setting. Dissimilarities equal to twelve digits tie.",
        source="Kriegeskorte et al. 2008",
        parameters=(
            Parameter(
                name="inner",
                default="correlation",
                choices=("correlation", "euclidean", "cosine"),
                help="How two samples of one model are compared.",
            ),
            Parameter(
                name="outer",
                default="spearman",
                choices=("spearman", "pearson", "kendall", "cosine"),
                help="How the two models' dissimilarities are compared; kendall (tau-b) takes seconds per pair.",
            ),
        ),
        pace=Pace.PRODUCT,
    ),
    prepare=dissimilarities,
    all_pairs=FromFeatures(all_pairs, check=varied),
    undefined="All pairs of samples are equally dissimilar, so their correlation is 0/0.",
)
def rsa(x: Tensor, y: Tensor, *, outer: str, **_: object) -> Tensor:
    """Correlation of the two models' sample-to-sample dissimilarities."""
    if outer == "kendall":
        return kendall(x, y)
    if outer == "spearman":
        x, y = Ranked(x).ranks(), Ranked(y).ranks()
    return unit(x, centre=outer != "cosine") @ unit(y, centre=outer != "cosine")
