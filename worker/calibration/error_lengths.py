"""How far the probabilities of single samples are from their labels."""

from torch import Tensor, nn

from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined


def error_lengths(outputs: Outputs, **_: object) -> Tensor:
    """Euclidean distance between each sample's probabilities and its label, ``(samples,)``."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    truth = nn.functional.one_hot(outputs.labels, outputs.logits.shape[1]).to(outputs.logits.dtype)
    return (outputs.probabilities - truth).square().sum(1).sqrt()
