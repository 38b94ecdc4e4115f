"""How far the probabilities are from the labels."""

from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card

ROOT_2 = 2**0.5


def error_lengths(outputs: Outputs, **_: object) -> Tensor:
    """Euclidean distance between each sample's probabilities and its label, ``(samples,)``."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    truth = nn.functional.one_hot(outputs.labels, outputs.logits.shape[1]).to(outputs.logits.dtype)
    return (outputs.probabilities - truth).square().sum(1).sqrt()


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
