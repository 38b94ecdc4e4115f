"""The last linear layer of a network, and what enters it."""

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.binary import is_one_logit, two_logits
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined


def last_linear(subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Weight ``(classes, width)``, inputs ``(samples, width)`` and logits of the last linear layer.

    Raises:
        Undefined: the network does not end in one.
    """
    seen: list[tuple[str, Tensor, Tensor]] = []
    handles = []
    for name, module in subject.module.named_modules():
        if isinstance(module, nn.Linear):

            def keep(_m: nn.Module, inputs: tuple[Tensor, ...], out: Tensor, name: str = name) -> None:
                seen.append((name, inputs[0].detach().clone(), out.detach().clone()))

            handles.append(module.register_forward_hook(keep))
    inputs, outputs = [], []
    weight: Tensor | None = None
    try:
        for start in range(0, subject.samples, subject.chunk):
            seen.clear()
            with torch.no_grad():
                logits = subject.logits(subject.weights, subject.x[start : start + subject.chunk])
            if not seen or not _is_last(seen[-1][2], logits):
                raise Undefined("The network does not end in a linear layer, which relative flatness is about.")
            weight = subject.module.get_submodule(seen[-1][0]).get_parameter("weight").detach()
            inputs.append(seen[-1][1])
            outputs.append(logits)
    finally:
        for handle in handles:
            handle.remove()
    assert weight is not None
    if len(weight) == 1:
        # One logit is that of the second of two classes; the first has a logit of 0.
        weight = torch.cat([torch.zeros_like(weight), weight])
    return weight, torch.cat(inputs), torch.cat(outputs)


def _is_last(out: Tensor, logits: Tensor) -> bool:
    """Whether a layer returned these logits, or the one that they were made of."""
    if is_one_logit(out, len(logits)):
        out = two_logits(out)
    return out.shape == logits.shape and torch.equal(out, logits)
