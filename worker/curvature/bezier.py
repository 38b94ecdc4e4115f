"""A curve of low loss between two networks, found by training its middle."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.linear_paths import Outcomes, mixed, outcomes_at, reestimated, same_architecture
from kinscape.worker.inputs.functional import call_with, copied
from kinscape.worker.inputs.subject import Subject, exact_attention
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.draws import generator_of

BATCH = 128
MOMENTUM = 0.9


def shares(t: float) -> tuple[float, float, float]:
    """Shares of start, middle and end at a point of a quadratic Bézier curve."""
    return (1 - t) ** 2, 2 * t * (1 - t), t**2


def trained_middle(start: Subject, end: Subject, *, steps: int, rate: float) -> dict[str, Tensor]:
    """Weights of the middle point for which the mean loss over the curve is low.

    The middle begins halfway. Each step takes one point of the curve and some samples, both drawn, and moves the middle
    against the gradient with momentum; the rate falls to 0 along a half cosine. Norms use the statistics of the batch,
    as in training.

    Raises:
        Undefined: architectures differ.
    """
    same_architecture([start, end])
    module = _training_norms(start.module)
    draw = generator_of("bezier", start.seed)
    middle = {n: t.clone().requires_grad_() for n, t in mixed([start.weights, end.weights], (0.5, 0.5)).items()}
    optimiser = torch.optim.SGD(middle.values(), lr=rate, momentum=MOMENTUM)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    size = start.samples if start.whole else min(BATCH, start.samples, start.chunk)
    for _ in range(steps):
        t = float(torch.rand((), generator=draw))
        rows = torch.randperm(start.samples, generator=draw)[:size].to(start.x.device)
        weights = mixed([start.weights, middle, end.weights], shares(t))
        # Norms write their statistics into what they are given.
        buffers = {n: b.clone() for n, b in start.buffers.items()}
        with exact_attention():
            logits = call_with(module, {**buffers, **weights}, start.x[rows])
        loss = nn.functional.cross_entropy(logits, start.y[rows])
        if not bool(loss.isfinite()):
            break
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(middle.values(), 1.0)
        optimiser.step()
        falling.step()
    return {n: t.detach() for n, t in middle.items()}


def along(start: Subject, middle: Weights, end: Subject, points: Sequence[float]) -> Outcomes:
    """Outcomes at points of the curve, with running statistics estimated anew inside and those of the ends there."""
    rows = []
    for t in points:
        if t in (0.0, 1.0):
            network = end if t else start
            rows.append(outcomes_at(start, network.weights, network.buffers))
            continue
        weights = mixed([start.weights, middle, end.weights], shares(t))
        between = mixed([start.buffers, end.buffers], (1 - t, t))
        rows.append(outcomes_at(start, weights, reestimated(start, weights, between)))
    return Outcomes(torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows]))


def _training_norms(module: nn.Module) -> nn.Module:
    """A copy whose batch norms use the batch, and whose other parts do as when it is asked."""
    twin = copied(module).eval()
    for part in twin.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.train()
    return twin
