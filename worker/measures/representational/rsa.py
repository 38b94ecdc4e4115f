"""Representational similarity analysis."""

from functools import partial

from torch import Tensor

from backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from worker.evaluation.measure import Block, Together
from worker.measures.representational.family import measure_of_layers
from worker.similarity.rdm import Ranked, dissimilarities, kendall, over_subsets, unit, varied


def all_pairs(block: Block, *, inner: str, outer: str) -> Together:
    """Dissimilarities and their order once per model; a leaving group only renumbers the ranks."""
    return over_subsets(block, partial(dissimilarities, inner=inner), outer=outer)


@measure_of_layers(
    slug="rsa",
    title="Representational similarity analysis",
    formula=r"\rho\big(\mathrm{RDM}(X), \mathrm{RDM}(Y)\big),\quad \mathrm{RDM}_{ij} = 1 - "
    r"\mathrm{corr}(x_i, x_j)",
    bounds=(-1.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES},
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="50 samples",
    pitfalls="Features are used as given: with correlation dissimilarities a shift of one feature changes "
    "it. Ignores rotation only with the euclidean or cosine setting.",
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
    undefined="All pairs of samples are equally dissimilar, so their correlation is 0/0.",
    prepare=dissimilarities,
    together=all_pairs,
    check=varied,
)
def rsa(x: Tensor, y: Tensor, *, outer: str, **_: object) -> Tensor:
    """Correlation of the two models' sample-to-sample dissimilarities."""
    if outer == "kendall":
        return kendall(x, y)
    if outer == "spearman":
        x, y = Ranked(x).ranks(), Ranked(y).ranks()
    return unit(x, centre=outer != "cosine") @ unit(y, centre=outer != "cosine")
