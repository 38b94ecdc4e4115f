"""The last linear layer of a network, and what enters it."""

import torch
from torch import Tensor, nn

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
            if not seen or seen[-1][2].shape != logits.shape or not torch.equal(seen[-1][2], logits):
                raise Undefined("The network does not end in a linear layer, which relative flatness is about.")
            weight = subject.module.get_submodule(seen[-1][0]).get_parameter("weight").detach()
            inputs.append(seen[-1][1])
            outputs.append(logits)
    finally:
        for handle in handles:
            handle.remove()
    assert weight is not None
    return weight, torch.cat(inputs), torch.cat(outputs)
