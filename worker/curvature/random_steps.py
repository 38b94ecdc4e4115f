"""How the loss changes under random steps of the weights."""

import torch
from torch import Tensor

from kinscape.worker.curvature.vectors import shifted, size_of
from kinscape.worker.inputs.subject import Subject


def loss_changes(subject: Subject, *, rho: float, draws: int) -> Tensor:
    """Change of every sample's loss under each random step, ``(draws, samples)``, float64.

    Steps are Gaussian in all weights with typical length ρ: each weight moves by ρ/√P.
    """
    base = subject.losses(subject.weights)
    size = size_of(subject)
    generator = subject.generator()
    rows = []
    for _ in range(draws):
        step = torch.randn(size, generator=generator, dtype=torch.float64) * (rho / size**0.5)
        step = step.to(base.device, next(iter(subject.weights.values())).dtype)
        rows.append((subject.losses(shifted(subject, step)) - base).cpu())
    return torch.stack(rows).double()


def group_changes(changes: Tensor, subject: Subject) -> Tensor:
    """Mean change of each group, ``(groups, draws)``."""
    return torch.stack([changes[:, g].mean(1) for g in subject.groups])
