"""Equal norms of the class means."""

from torch import Tensor

from backend.contracts.cards import Arity, Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.geometry.classes import centred_means
from worker.measures.inputs import Layer
from worker.measures.measure import measure


@measure(
    slug="nc2-equinorm",
    title="Neural collapse 2: equal norms",
    family=Family.GEOMETRY,
    question=Question.LAYER,
    arity=Arity.MODEL,
    formula=r"\frac{\mathrm{std}_c \lVert\mu_c - \mu_G\rVert}{\mathrm{mean}_c \lVert\mu_c - \mu_G\rVert}",
    input=Input.FEATURES,
    bounds=(0.0, None),
    direction=Direction.NEITHER,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
    role=Role.HELD_OUT,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="20 samples per class",
    pitfalls="0 means that all class means are equally far from their centre. Standard deviation over all "
    "classes, not a sample of them.",
    source="Papyan et al. 2020, section 2 (NC2)",
)
def nc2_equinorm(layer: Layer) -> Tensor:
    """How unequal the distances of the class means from their centre are."""
    lengths = centred_means(layer).norm(dim=1)
    return lengths.std(correction=0) / lengths.mean()
