"""Overlap of the most likely classes."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import mean_products


def likely(outputs: Outputs, *, k: int) -> Tensor:
    """Each sample's k most likely classes as a vector of length 1, ``(samples, classes)``."""
    k = min(k, outputs.logits.shape[1] - 1)
    return (outputs.places < k).to(outputs.logits.dtype) * k**-0.5


@measure(
    output_card(
        slug="top-k-overlap",
        title="Top-k overlap",
        formula=r"\frac{1}{N}\sum_i \frac{|\mathrm{top}_k(p_i) \cap \mathrm{top}_k(q_i)|}{k}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="k is capped at one class less than there are, where all classes would always overlap. Ties go "
        "to the lower class. Two random orders score k/C.",
        source="Overlap of the k most likely classes, mean over samples",
        parameters=(
            Parameter(name="k", default=5, minimum=1, maximum=1000, help="Number of most likely classes to compare."),
        ),
        pace=Pace.PRODUCT,
    ),
    prepare=likely,
    all_pairs=SampleMeans(mean_products),
)
def top_k_overlap(p: Tensor, q: Tensor, **_: object) -> Tensor:
    """Overlap of the two models' k most likely classes, whatever their order."""
    return (p * q).sum(1).mean()
