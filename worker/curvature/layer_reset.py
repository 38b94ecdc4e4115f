"""What a network loses when one of its layers is reset."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.evaluation.intervals import FEWEST_GROUPS, half_width
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights

# Measures of outputs that may tell how much a network lost.
BETWEEN = Parameter(
    name="between",
    default="disagreement",
    choices=(
        "disagreement",
        "activation-distance",
        "js-divergence",
        "kl-divergence",
        "prediction-cosine",
        "total-variation",
    ),
    help="The functional measure between the network and itself with one layer reset.",
)


def layers_of(weights: Weights) -> dict[str, list[str]]:
    """Weights by the layer that owns them, in stored order."""
    found: dict[str, list[str]] = {}
    for name in weights:
        found.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return found


def outputs_with(subject: Subject, weights: Weights) -> Outputs:
    """The network's outputs with other weights."""
    parts = []
    with torch.no_grad():
        for rows in subject.x.split(subject.chunk):
            parts.append(subject.logits(weights, rows))
    logits = torch.cat(parts).double().cpu()
    if not bool(logits.isfinite().all()):
        raise Undefined("The network's outputs are not finite after a layer was reset.")
    return Outputs(logits, subject.y.cpu() if subject.y.numel() else None)


def reset_table(
    subject: Subject, drawn: list[Mapping[str, Tensor]], between: Measure
) -> tuple[dict[str, list[float]], dict[str, Tensor | None]]:
    """For each layer the number of every draw, and its leave-one-group-out values (mean over draws).

    Args:
        between: measure of outputs between the network and itself with one layer reset.
    """
    settings = between.card.settings({})
    own = outputs_with(subject, subject.weights)

    def number(first: Outputs, second: Outputs) -> float:
        return float(between.compute(between.prepare(first), between.prepare(second), **settings))

    values: dict[str, list[float]] = {}
    replicates: dict[str, Tensor | None] = {}
    for layer, names in layers_of(subject.weights).items():
        resets = [outputs_with(subject, {**subject.weights, **{n: state[n] for n in names}}) for state in drawn]
        values[layer] = [number(own, reset) for reset in resets]
        replicates[layer] = _without_each_group(subject, own, resets, number)
    return values, replicates


def _without_each_group(
    subject: Subject, own: Outputs, resets: list[Outputs], number: Callable[[Outputs, Outputs], float]
) -> Tensor | None:
    if len(subject.groups) < FEWEST_GROUPS:
        return None
    left = []
    for g in range(len(subject.groups)):
        rows = torch.cat([group for k, group in enumerate(subject.groups) if k != g])
        mine = own.rows(rows)
        left.append(sum(number(mine, reset.rows(rows)) for reset in resets) / len(resets))
    return torch.tensor(left, dtype=torch.float64)


def reset_reading(values: dict[str, list[float]], replicates: dict[str, Tensor | None]) -> Measurement:
    """The mean over layers, with a bar for each."""
    means = {layer: sum(v) / len(v) for layer, v in values.items()}
    known = [r for r in replicates.values() if r is not None]
    draws = torch.tensor(list(values.values()), dtype=torch.float64).mean(0)
    worst = max(means, key=lambda layer: means[layer])
    return Measurement(
        sum(means.values()) / len(means),
        torch.stack(known).mean(0) if known else None,
        monte_carlo_error=float(draws.std() / len(draws) ** 0.5) if len(draws) > 1 else None,
        notes={"largest_at": worst},
        series={
            "layer": list(means),
            "value": list(means.values()),
            "half_width": [None if r is None else float(half_width(r)) for r in replicates.values()],
        },
    )
