"""Whether pairs of classes differ in the same direction."""

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import SPLITS, one_layer_card
from kinscape.worker.similarity.dichotomies import best_of, classes_of, parallelism


@measure(
    one_layer_card(
        slug="parallelism-score",
        title="Parallelism score",
        formula=r"\max_s \max_\pi \operatorname{mean}_{k \ne l} \cos\big(\mu_{A_k} - \mu_{B_{\pi(k)}},\; "
        r"\mu_{A_l} - \mu_{B_{\pi(l)}}\big)",
        low=-1.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="The best of many pairings and splits is well above 0 for classes at random places: compare with an "
        "untrained network, or name a split beforehand. More than ten classes are split ten at a time.",
        source="Bernardi et al. 2020, the geometry of abstraction: parallelism score of balanced splits",
        parameters=SPLITS,
    ),
)
def parallelism_score(layer: Layer, *, side: int, splits: int) -> Measurement:
    """Mean cosine between the directions that tell paired classes of two sides apart, for a split of the classes."""
    classes = classes_of(layer)
    return best_of(classes.names, side, splits, lambda some: [parallelism(classes.means, split) for split in some])
