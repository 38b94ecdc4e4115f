"""The temperature that makes a model's confidence fit."""

import math

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.calibration.bins import confidence_of, in_bins
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card
from kinscape.worker.numerics.draws import generator_of

# In units of the spread of the logits, so that logits times c have c times the temperature; outside this range
# predictions are one-hot, or uniform.
COLDEST, HOTTEST = 1e-4, 1e4
# The bracket shrinks to rounding.
HALVINGS = 60
IMPOSSIBLE = -1e29
# As the measure ece counts by default.
BINS = 15


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


def halves(samples: int) -> tuple[Tensor, Tensor]:
    """Two halves of the samples by a fixed random split."""
    order = torch.randperm(samples, generator=generator_of("halves of samples"))
    first, second = order.tensor_split(2)
    return first.sort().values, second.sort().values


def temperature_curve(value: float, outputs: Outputs) -> Measurement:
    """Loss and calibration error before and after, on the half that did not choose a temperature."""
    first, second = halves(outputs.samples)
    if not len(second):
        return Measurement(value)
    try:
        chosen, rest = best_temperature(outputs.rows(first)), outputs.rows(second)
    except Undefined:
        return Measurement(value)
    cooled = Outputs(rest.logits / chosen, rest.labels)
    notes: dict[str, float | int | str] = {"chosen_on_half": chosen}
    for when, answers in (("before", rest), ("after", cooled)):
        assert answers.labels is not None
        found = in_bins(confidence_of(answers), answers.right, BINS)
        notes[f"ece_{when}"] = float((found.shares * found.gaps.abs()).sum())
        notes[f"nll_{when}"] = float(nn.functional.nll_loss(answers.log_probabilities, answers.labels))
    return Measurement(value, notes=notes)


@measure(
    confidence_card(
        slug="temperature",
        version=2,
        title="Best temperature",
        formula=r"\arg\min_T\; -\tfrac1N\sum_i \log \operatorname{softmax}(z_i/T)_{y_i}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="500 samples, some of them misclassified",
        pitfalls="Above 1 the model is overconfident, below 1 underconfident. Chosen on all samples; reported with "
        "it, what the temperature chosen on one half does to loss and calibration on the other.",
        source="Guo et al. 2017, section 4.2",
    ),
    diagnostics=temperature_curve,
)
def temperature(outputs: Outputs) -> float:
    """Factor by which the logits must be divided for the lowest loss."""
    return best_temperature(outputs)
