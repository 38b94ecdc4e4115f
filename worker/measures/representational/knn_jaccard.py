"""Jaccard similarity of nearest neighbours."""

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
    both = overlaps(near, i, others)
    return (both / (2 * near.order.shape[2] - both)).mean(1)


def all_pairs(block: Block, *, k: int) -> Together:
    """Neighbours once per model; a leaving group only shortens the lists."""
    return over_neighbourhoods(block, score, k=k)


@measure(
    slug="knn-jaccard",
    title="Nearest-neighbour Jaccard",
    family=Family.REPRESENTATIONAL,
    question=Question.SEE_ALIKE,
    formula=r"\frac{1}{N}\sum_i \frac{|N_k(x_i)\cap N_k(y_i)|}{|N_k(x_i)\cup N_k(y_i)|}",
    input=Input.FEATURES,
    bounds=(0.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="10·k samples; chance is about k/(2N) while k is well below N",
    pitfalls="Local: sees only each sample's closest neighbours. Cosine of features as given, so a shift "
    "changes it. Ties go to the lower sample number. "
    "Intervals are up to 1.5 times too wide.",
    source="Schumacher et al. 2020, section 3",
    parameters=(Parameter(name="k", default=10, minimum=1, maximum=200, help="Neighbours per sample."),),
    prepare=neighbours,
    together=all_pairs,
    check=has_neighbours,
)
def knn_jaccard(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Overlap of each sample's nearest neighbours in the two layers, over their union."""
    both = shared(x, y)
    return (both / (2 * x.shape[-1] - both)).mean()
