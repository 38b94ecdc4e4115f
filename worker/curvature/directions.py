"""Directions in which to look at the loss around a network."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.spectral_density import hessian_krylov
from kinscape.worker.curvature.vectors import flat, unflat
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights

FILTER = "filter"
EIGENVECTORS = "eigenvectors"
# The directions of a picture need two digits.
EIGEN_TOLERANCE, EIGEN_STEPS = 1e-2, 60


def filter_normalised(subject: Subject, generator: torch.Generator) -> Tensor:
    """A Gaussian direction whose every filter is as long as the network's own.

    Rows of matrices and kernels are filters; tensors with one dimension (biases, gains) stand still.

    Source: Li et al. 2018, section 4.
    """
    parts = []
    for weight in subject.weights.values():
        draw = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight)
        if weight.ndim < 2:
            parts.append(torch.zeros_like(weight))
            continue
        own, drawn = weight.flatten(1).norm(dim=1), draw.flatten(1).norm(dim=1)
        parts.append(draw * (own / drawn.clamp_min(1e-30)).view(-1, *[1] * (weight.ndim - 1)))
    return flat(parts)


def directions(subject: Subject, kind: str, count: int) -> list[Tensor]:
    """Directions as vectors over all weights, from the seed of the question."""
    if kind == FILTER:
        generator = subject.generator()
        return [filter_normalised(subject, generator) for _ in range(count)]
    run = hessian_krylov(subject)
    found = run.until(count, steps=EIGEN_STEPS, tolerance=EIGEN_TOLERANCE)
    if len(found.values) < count:
        raise Undefined(f"The Hessian has fewer than {count} directions of curvature.")
    return [run.vector(k, found.steps) for k in range(count)]


def by_weight(subject: Subject, vector: Tensor) -> dict[str, Tensor]:
    """A direction as tensors by name."""
    return dict(zip(subject.weights, unflat(vector, list(subject.weights.values())), strict=True))


def moved(weights: Weights, direction: Weights, step: float) -> dict[str, Tensor]:
    """Weights moved along a direction; exactly the same weights where the step is 0."""
    return dict(weights) if step == 0 else {n: torch.add(w, direction[n], alpha=step) for n, w in weights.items()}


DIRECTION = Parameter(
    name="direction",
    default=FILTER,
    choices=(FILTER, EIGENVECTORS),
    help="Random with every filter as long as the network's own, or the top eigenvectors of the Hessian.",
)


REACH = Parameter(name="reach", default=1.0, minimum=1e-6, maximum=1000, help="Steps of this many directions' lengths.")


def odd(points: int) -> int:
    """The next odd number, so that the centre is one of the points."""
    return points + 1 - points % 2
