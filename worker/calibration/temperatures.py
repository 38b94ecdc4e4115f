"""The temperature of the lowest loss, and outputs at it."""

import math

from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined

# In units of the spread of the logits, so that logits times c have c times the temperature; outside this range
# predictions are one-hot, or uniform.
COLDEST, HOTTEST = 1e-4, 1e4
# The bracket shrinks to rounding.
HALVINGS = 60
IMPOSSIBLE = -1e29


def best_temperature(outputs: Outputs) -> float:
    """The temperature with the lowest loss; the loss is convex in its inverse.

    Raises:
        Undefined: no temperature within the range is best.
    """
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    logits = outputs.logits - outputs.logits.amax(1, keepdim=True)
    # Classes that are impossible (-1e30) say nothing of the spread.
    possible = logits[logits > IMPOSSIBLE]
    largest = float(possible.abs().amax())
    if not largest > 0 and len(possible) < logits.numel():
        raise Undefined(
            "Every class but the most likely has probability zero on every sample, so no temperature changes anything."
        )
    if not largest > 0:
        raise Undefined("All classes get the same logit on every sample, so no temperature changes anything.")
    # Squares of the shares are within what a float can hold.
    spread = largest * float((possible / largest).square().mean().sqrt())
    logits = logits / spread
    right = logits.gather(1, outputs.labels[:, None])[:, 0]

    def slope(inverse: float) -> float:
        """Derivative of the loss by the inverse temperature."""
        p = (logits * inverse).softmax(1)
        return float(((p * logits).sum(1) - right).mean())

    low, high = math.log(1 / HOTTEST), math.log(1 / COLDEST)
    if slope(math.exp(high)) <= 0:
        raise Undefined("Every answer is right, or nearly so: the colder the better, no temperature is best.")
    if slope(math.exp(low)) > 0:
        raise Undefined("The answers carry nothing about the labels: the hotter the better, no temperature is best.")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return spread * math.exp(-(low + high) / 2)


def at_best_temperature(outputs: Outputs, **_: object) -> Outputs:
    """The same outputs with the logits divided by the temperature of the lowest loss."""
    return Outputs(outputs.logits / best_temperature(outputs), outputs.labels, outputs.sequences)
