"""Equal norms of the class means."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import centred_means


@measure(
    one_layer_card(
        slug="nc2-equinorm",
        title="Neural collapse 2: equal norms",
        formula=r"\frac{\mathrm{std}_c \lVert\mu_c - \mu_G\rVert}{\mathrm{mean}_c \lVert\mu_c - \mu_G\rVert}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="0 means that all class means are equally far from their centre. Standard deviation over all "
        "classes, not a sample of them.",
        source="Papyan et al. 2020, section 2 (NC2)",
    ),
)
def nc2_equinorm(layer: Layer) -> Tensor:
    """How unequal the distances of the class means from their centre are."""
    lengths = centred_means(layer).norm(dim=1)
    return lengths.std(correction=0) / lengths.mean()
