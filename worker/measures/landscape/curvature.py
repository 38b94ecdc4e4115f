"""Products with the Hessian of the mean loss, by double backward.

Double backward is right through every norm layer and attention; nested forward-mode
derivatives are not, through affine LayerNorm, on current torch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from worker.measures.inputs import Subject

Product = Callable[[Tensor], Tensor]


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors as one vector."""
    return torch.cat([t.reshape(-1) for t in tensors])


def unflat(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """A vector cut and shaped like a list of tensors."""
    parts = vector.split([t.numel() for t in like])
    return [p.view_as(t) for p, t in zip(parts, like, strict=True)]


def gradient_graph(subject: Subject, rows: Tensor | slice) -> tuple[list[Tensor], Tensor]:
    """Leaf weights, and the gradient of the summed loss over some rows with its graph."""
    leaves = {n: w.clone().requires_grad_() for n, w in subject.weights.items()}
    logits = subject.logits(leaves, subject.x[rows])
    loss = nn.functional.cross_entropy(logits, subject.y[rows], reduction="sum")
    wanted = list(leaves.values())
    gradient = torch.autograd.grad(loss, wanted, create_graph=True, materialize_grads=True)
    return wanted, flat(gradient)


def product_with(leaves: list[Tensor], gradient: Tensor, vector: Tensor) -> Tensor:
    """Derivative of a gradient along a vector, keeping the graph for the next vector."""
    if gradient.grad_fn is None:
        return torch.zeros_like(vector)
    out = torch.autograd.grad(gradient, leaves, vector, retain_graph=True, materialize_grads=True)
    return flat(out)


def hessian_product(subject: Subject) -> Product:
    """A function that multiplies a vector by the Hessian of the mean loss.

    The graph of the gradient is built once and shared by all vectors while the probe set fits
    one chunk; larger probe sets rebuild it chunk by chunk, so that memory stays bounded.
    """
    if subject.samples <= subject.chunk:
        leaves, gradient = gradient_graph(subject, slice(None))
        return lambda v: product_with(leaves, gradient, v) / subject.samples

    def chunked(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for start in range(0, subject.samples, subject.chunk):
            parts = gradient_graph(subject, slice(start, start + subject.chunk))
            total += product_with(*parts, vector)
        return total / subject.samples

    return chunked


def group_curvatures(subject: Subject, vector: Tensor) -> Tensor:
    """Second derivative of each group's mean loss along a unit vector, ``(groups,)``, float64."""
    values = []
    for rows in subject.groups:
        product = product_with(*gradient_graph(subject, rows), vector)
        values.append(float(vector.double() @ product.double()) / len(rows))
    return torch.tensor(values, dtype=torch.float64)


def loss_gradient(subject: Subject) -> Tensor:
    """Gradient of the mean loss as one vector."""
    leaves = {n: w.clone().requires_grad_() for n, w in subject.weights.items()}
    total = torch.zeros(sum(w.numel() for w in leaves.values()), dtype=next(iter(leaves.values())).dtype)
    for start in range(0, subject.samples, subject.chunk):
        rows = slice(start, start + subject.chunk)
        logits = subject.logits(leaves, subject.x[rows])
        loss = nn.functional.cross_entropy(logits, subject.y[rows], reduction="sum")
        total += flat(torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)).cpu()
    return total / subject.samples


def shifted(subject: Subject, step: Tensor) -> dict[str, Tensor]:
    """The network's weights with a step added."""
    parts = unflat(step, list(subject.weights.values()))
    return {n: w + d for (n, w), d in zip(subject.weights.items(), parts, strict=True)}
