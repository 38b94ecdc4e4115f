"""Whether a split of classes carries over to classes that were not seen."""

from kinscape.backend.contracts.cards import Change, Direction, Parameter
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import SPLITS, one_layer_card
from kinscape.worker.similarity.dichotomies import best_of, classes_of, cross_condition_accuracy


@measure(
    one_layer_card(
        slug="ccgp",
        title="Cross-condition generalisation performance",
        formula=r"\max_s\; \operatorname{mean}_{a \in A_s, b \in B_s} "
        r"\mathrm{acc}\big(\text{classifier without } a, b;\; a, b\big)",
        low=0.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="The mean over all splits is .5 whatever the layer, so the best split is told, and the best of many "
        "is above .5 by chance: compare with an untrained network, or name a split first. Least squares in place of "
        "the source's support vector machine. More than ten classes are split ten at a time.",
        source="Bernardi et al. 2020, the geometry of abstraction: CCGP of balanced splits",
        parameters=(
            *SPLITS,
            Parameter(
                name="ridge",
                default=0.01,
                minimum=0.0,
                maximum=100.0,
                help="Added to the diagonal of the second moments, as a share of its mean.",
            ),
        ),
        tolerance=1e-5,
    ),
)
def ccgp(layer: Layer, *, side: int, splits: int, ridge: float) -> Measurement:
    """Accuracy with which a linear classifier of two halves of the classes sorts classes that it was not fitted to."""
    classes = classes_of(layer)
    return best_of(classes.names, side, splits, lambda some: cross_condition_accuracy(classes, some, ridge=ridge))
