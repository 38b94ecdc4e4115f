"""Overlap of nearest neighbours."""

from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Parameter, Question, Role, Uncertainty
from worker.measures.measure import Block, Together, measure
from worker.measures.representational.neighbours import (
    Near,
    has_neighbours,
    neighbours,
    over_neighbourhoods,
    overlaps,
    shared,
)


def score(near: Near, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""
    return overlaps(near, i, others).mean(1) / near.order.shape[2]


def all_pairs(block: Block, *, k: int) -> Together:
    """Neighbours once per model; a leaving group only shortens the lists."""
    return over_neighbourhoods(block, score, k=k)


@measure(
    slug="mutual-knn",
    title="Mutual nearest neighbours",
    family=Family.REPRESENTATIONAL,
    question=Question.SEE_ALIKE,
    formula=r"\frac{1}{Nk}\sum_i |N_k(x_i)\cap N_k(y_i)|",
    input=Input.FEATURES,
    bounds=(0.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="10·k samples",
    pitfalls="Chance is k/(N-1). Cosine of features as given, so a shift changes it. Ties go to the lower "
    "sample number. "
    "Intervals are up to 1.5 times too wide.",
    source="Huh et al. 2024, appendix A",
    parameters=(Parameter(name="k", default=10, minimum=1, maximum=200, help="Neighbours per sample."),),
    prepare=neighbours,
    together=all_pairs,
    check=has_neighbours,
)
def mutual_knn(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Share of each sample's nearest neighbours that both layers agree on."""
    both = shared(x, y)
    return both.mean() / x.shape[-1]
