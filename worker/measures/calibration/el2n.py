"""How far the probabilities are from the labels."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.calibration.error_lengths import error_lengths
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.calibration.family import confidence_card

ROOT_2 = 2**0.5


@measure(
    confidence_card(
        slug="el2n",
        title="Error L2 norm (EL2N)",
        formula=r"\frac1N\sum_i \lVert p_i - e_{y_i}\rVert_2",
        low=0.0,
        high=ROOT_2,
        direction=Direction.LOWER_IS_BETTER,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="The mean over samples. As a score of single samples it was made for networks early in training, "
        "averaged "
        "over some of them; of a finished network it mostly ranks mistakes. Which samples are hardest for two networks "
        "is compared by their overlap.",
        source="Paul et al. 2021, definition 2.2",
    ),
    prepare=error_lengths,
)
def el2n(lengths: Tensor) -> Tensor:
    """Mean distance between the vector of probabilities and the label."""
    return lengths.mean()
