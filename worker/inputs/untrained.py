"""Networks whose weights are drawn again."""

import torch
from torch import nn

from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.undefined import Undefined


def untrained(module: nn.Module, seed: int) -> nn.Module:
    """A copy of a module whose layers drew their first weights again, by their own initialisers.

    Raises:
        Undefined: a weight belongs to a module that cannot draw it.
    """
    made = copied(module)
    devices = {p.device.index for p in module.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(d for d in devices if d is not None)):
        torch.manual_seed(seed)
        for name, part in made.named_modules():
            reset = getattr(part, "reset_parameters", None)
            if callable(reset):
                reset()
            elif next(part.parameters(recurse=False), None) is not None:
                where = name or type(part).__name__
                raise Undefined(f"{where} has weights of its own and no reset_parameters, so it cannot be drawn again.")
    return made.eval()
