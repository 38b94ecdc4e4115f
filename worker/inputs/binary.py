"""Networks with one output: the logit of the second of two classes.

``sigmoid(z)`` is ``softmax([0, z])``, so two logits say the same as one, and every measure of outputs and minima holds.
"""

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.functional import twin

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


def two_logits(logit: Tensor) -> Tensor:
    """Logits ``(samples, 2)`` of both classes from that of the second, ``(samples, 1)`` or ``(samples,)``."""
    column = logit.reshape(-1, 1)
    return torch.cat([torch.zeros_like(column), column], 1)


def is_one_logit(out: object, samples: int) -> bool:
    """Whether a network that was given so many samples answered each by one number."""
    # Squeezed of all sides, the answer for one sample has none.
    shapes = ((samples,), (samples, 1), *([()] if samples == 1 else []))
    return isinstance(out, Tensor) and tuple(out.shape) in shapes


def with_two_logits(module: nn.Module) -> nn.Module:
    """The same network, parts and tensors shared, that returns two logits for one; other outputs pass.

    The weights of a network that is one layer alone are called ``0.weight`` and ``0.bias`` in it.
    """
    # A layer alone keeps its own output, by which its gradients are taken.
    out = nn.Sequential(module) if isinstance(module, LAYERS) else twin(module)
    out.register_forward_hook(_answer_with_two)
    return out


def _answer_with_two(_module: nn.Module, given: tuple[object, ...], out: object) -> Tensor | None:
    samples = given[0] if given else None
    if isinstance(samples, Tensor) and isinstance(out, Tensor) and is_one_logit(out, len(samples)):
        return two_logits(out)
    return None
