"""How far a network's change is the linear one that its derivative foretells."""

import torch
from torch import Tensor

from kinscape.worker.curvature.linear_paths import same_architecture
from kinscape.worker.inputs.subject import Subject, exact_attention
from kinscape.worker.inputs.undefined import Undefined


def changes(start: Subject, end: Subject) -> tuple[Tensor, Tensor]:
    """Change of the logits from one network to the other, and what the first one's derivative foretells of it.

    Returns:
        Two of ``(samples, classes)``, float64, on the CPU.

    Raises:
        Undefined: architectures differ.
    """
    same_architecture([start, end])
    step = {name: end.weights[name] - tensor for name, tensor in start.weights.items()}
    real, foretold = [], []
    for first in range(0, start.samples, start.samples_at_once):
        rows = slice(first, first + start.samples_at_once)
        x = start.x[rows]

        def logits(weights: dict[str, Tensor], x: Tensor = x) -> Tensor:
            return start.logits(weights, x)

        with exact_attention(), torch.no_grad():
            before, slope = torch.func.jvp(logits, (start.weights,), (step,))[:2]
            after = end.logits(end.weights, end.x[rows])
        real.append((after - before).double().cpu())
        foretold.append(slope.double().cpu())
    return torch.cat(real), torch.cat(foretold)


def relative_error(real: Tensor, foretold: Tensor) -> Tensor:
    """Length of what was not foretold, over the length of the change, both ``(samples, classes)``.

    Raises:
        Undefined: nothing changed.
    """
    length = real.norm()
    if not float(length) > 0:
        raise Undefined("The two networks give the same logits, so there is no change to foretell.")
    return (real - foretold).norm() / length
