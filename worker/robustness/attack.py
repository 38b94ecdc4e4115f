"""Small changes of the samples that raise the loss most."""

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.robustness.samples import UnnormalisedSamples


def wrong_margins(logits: Tensor, y: Tensor) -> Tensor:
    """Smooth maximum of the wrong classes' logits minus the right one's, ``(samples,)``.

    Its gradient points where that of the cross-entropy does: that is ``(1 - p_y)`` times this one, which
    rounds to zero for confident predictions.
    """
    right = nn.functional.one_hot(y, logits.shape[1]).bool()
    return logits.masked_fill(right, -torch.inf).logsumexp(1) - logits.gather(1, y[:, None])[:, 0]


def attacked(raw: UnnormalisedSamples, *, start: Tensor, radius: float, step: float, steps: int) -> Tensor:
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
            margins = wrong_margins(subject.logits(subject.weights, raw.normalised(x)), subject.y[rows]).sum()
            slope = torch.autograd.grad(margins, x, allow_unused=True)[0] if margins.requires_grad else None
            if slope is None:
                raise Undefined("No gradient reaches the samples: a layer of the network cannot be differentiated.")
            x = x.detach() + step * slope.sign()
            x = torch.minimum(torch.maximum(x, clean - radius), clean + radius).clamp(raw.low, raw.high)
        parts.append(x)
    return torch.cat(parts)
