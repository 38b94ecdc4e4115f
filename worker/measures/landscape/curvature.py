"""Gradients of the mean loss, and products with its Hessian by double backward.

Double backward is right through norm layers in eval mode and attention, where nested forward-mode
derivatives are not on current torch (affine LayerNorm). Where torch's own second derivatives are wrong
(weight_norm), products are not symmetric, which the Lanczos run notices and says.
"""

import torch
from torch import Tensor, nn

from worker.measures.inputs import Subject, Weights
from worker.measures.landscape.vectors import Product, flat, random_signs
from worker.measures.uncertainty import leave_one_out_means


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
        leaves, gradient = subject.once("gradient graph", lambda: gradient_graph(subject, slice(None)))
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
    for group in subject.groups:
        product = product_with(*gradient_graph(subject, group), vector)
        values.append(float(vector.double() @ product.double()) / len(group))
    return torch.tensor(values, dtype=torch.float64)


def around(value: float, parts: Tensor, subject: Subject) -> Tensor:
    """Leave-one-group-out values: how the groups' own values differ, laid around a value.

    Args:
        parts: ``(groups,)`` value of each group.
    """
    left = leave_one_out_means(parts, subject.groups)
    sizes = torch.tensor([len(g) for g in subject.groups], dtype=parts.dtype)
    return left + (value - float((parts * sizes).sum() / sizes.sum()))


def loss_gradient(subject: Subject) -> Tensor:
    """Gradient of the mean loss as one vector, on the processor."""

    def made() -> Tensor:
        return group_gradient(subject, torch.arange(subject.samples))

    found: Tensor = subject.once("gradient", made)
    return found


def group_gradient(subject: Subject, rows: Tensor) -> Tensor:
    """Gradient of the mean loss over some rows as one vector, on the processor."""
    return gradient_at(subject, subject.weights, rows)


def gradient_at(subject: Subject, weights: Weights, rows: Tensor | None = None) -> Tensor:
    """Gradient of the mean loss at other weights, over some rows or all, on the processor."""
    rows = torch.arange(subject.samples) if rows is None else rows
    leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
    total = torch.zeros(sum(w.numel() for w in leaves.values()), dtype=next(iter(leaves.values())).dtype)
    for part in rows.to(subject.x.device).split(subject.chunk):
        logits = subject.logits(leaves, subject.x[part])
        loss = nn.functional.cross_entropy(logits, subject.y[part], reduction="sum")
        total += flat(torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)).cpu()
    return total / len(rows)


def start_vector(subject: Subject, number: int) -> Tensor:
    """The start of a Krylov run: random signs of unit length, by number."""
    generator = torch.Generator().manual_seed(subject.seed * 1009 + number)
    signs = random_signs(subject, generator)
    return signs / signs.norm()
