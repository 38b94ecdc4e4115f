"""The temperature that makes a model's confidence fit."""

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.calibration.bins import confidence_of, in_bins
from kinscape.worker.calibration.temperatures import best_temperature
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card
from kinscape.worker.numerics.draws import generator_of

# As the measure ece counts by default.
BINS = 15


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
