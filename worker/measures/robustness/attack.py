"""Small changes of the samples that raise the loss most."""

import torch
from torch import Tensor, nn

from worker.measures.inputs import Undefined
from worker.measures.robustness.samples import Raw


def attacked(raw: Raw, *, start: Tensor, radius: float, step: float, steps: int) -> Tensor:
    """Raw samples after steps uphill, each along the sign of the gradient, kept near and within range.

    Args:
        start: where the first step begins, same shape as the samples.
        radius: largest change of a value, in units of the raw samples.
        step: length of one step, same units.
    """
    subject = raw.subject
    parts = []
    for first in range(0, len(raw.values), subject.chunk):
        rows = slice(first, first + subject.chunk)
        clean, x = raw.values[rows], start[rows]
        for _ in range(steps):
            x = x.detach().requires_grad_()
            losses = nn.functional.cross_entropy(
                subject.logits(subject.weights, raw.normalised(x)), subject.y[rows], reduction="sum"
            )
            slope = torch.autograd.grad(losses, x, allow_unused=True)[0] if losses.requires_grad else None
            if slope is None:
                raise Undefined("No gradient reaches the samples: a layer of the network cannot be differentiated.")
            x = x.detach() + step * slope.sign()
            x = torch.minimum(torch.maximum(x, clean - radius), clean + radius).clamp(raw.low, raw.high)
        parts.append(x)
    return torch.cat(parts)
