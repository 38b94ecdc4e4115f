"""How strongly single samples pull at the weights."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.per_sample_gradients import (
    layers_with_rule,
    rows_by_sample,
    squared_norms,
    watch,
    weights_without_rule,
)
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


def gradient_lengths(subject: Subject) -> Tensor:
    """Length of the gradient of each sample's loss by all weights, ``(samples,)``, float64."""
    layers, rest = layers_with_rule(subject), weights_without_rule(subject)
    parts = []
    for start in range(0, subject.samples, subject.chunk):
        x, y = subject.x[start : start + subject.chunk], subject.y[start : start + subject.chunk]
        watched = watch(subject, layers, x)
        direction = watched.logits.detach().softmax(1)
        direction[torch.arange(len(y), device=y.device), y] -= 1
        slopes = watched.slopes(direction)
        squares = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for name, slope in slopes.items():
            for norms in squared_norms(name, layers[name], watched.inputs[name], slope).values():
                squares += norms.detach().double()
        if rest:
            for rows in rows_by_sample(subject, rest, x, direction[:, None]).values():
                squares += rows.flatten(1).double().square().sum(1)
        parts.append(squares.sqrt())
    return torch.cat(parts)


@measure(
    minimum_card(
        slug="grand",
        title="Gradient norm of single samples (GraNd)",
        formula=r"\frac1N\sum_i \lVert\nabla_\theta \ell_i\rVert_2",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="200 samples",
        pitfalls="The mean over samples of the lengths, not the length of the mean: a network at a minimum still has "
        "one. "
        "A few hard samples make up most of it. Rescaling layers changes it.",
        source="Paul et al. 2021, definition 2.1, of one network",
        tolerance=1e-4,
    ),
)
def grand(subject: Subject) -> Measurement:
    """Mean length of the gradients of single samples."""
    lengths = subject.once("gradient lengths", lambda: gradient_lengths(subject)).cpu()
    return Measurement(float(lengths.mean()), group_means(lengths, subject))
