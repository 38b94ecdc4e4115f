"""Gradients of the mean loss, and products with its Hessian by double backward.

Double backward is right through norm layers in eval mode and attention, where nested forward-mode
derivatives are not on current torch (affine LayerNorm). Where torch's own second derivatives are wrong
(weight_norm), products are not symmetric, which the Lanczos run notices and says.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.batchnorm_folding import folded
from kinscape.worker.curvature.vectors import Product, flat
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.weights import Weights

Graph = tuple[list[Tensor], Tensor]


def gradient_graph(subject: Subject, rows: Tensor) -> Graph:
    """Leaf weights, and the gradient of the summed loss over some rows with its graph."""
    leaves = {n: w.clone().requires_grad_() for n, w in subject.weights.items()}
    wanted = list(leaves.values())
    logits = folded(subject)(leaves, subject.x[rows])
    return wanted, summed_gradient(logits, subject.y[rows], wanted)


def summed_gradient(logits: Tensor, y: Tensor, leaves: Sequence[Tensor]) -> Tensor:
    """Gradient of the summed loss in some tensors as one vector, with its graph."""
    # A copy: labels made in inference mode may not be kept for the backward pass.
    loss = nn.functional.cross_entropy(logits, y.clone(), reduction="sum")
    return flat(torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True))


def product_with(graph: Graph, vector: Tensor) -> Tensor:
    """Derivative of a gradient along a vector, keeping the graph for the next vector."""
    leaves, gradient = graph
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
        graph: Graph = subject.once("gradient graph", lambda: gradient_graph(subject, *passes(subject)))
        return lambda v: product_with(graph, v) / subject.samples
    return lambda v: summed_products(subject, [v])[0] / subject.samples


def summed_products(subject: Subject, vectors: Sequence[Tensor], rows: Tensor | None = None) -> list[Tensor]:
    """Products of vectors with the Hessian of the summed loss over some rows or all."""
    totals = [torch.zeros_like(v) for v in vectors]
    for part in passes(subject, rows):
        # No name holds the graph: it is gone before the next one is built.
        for total, product in zip(totals, _products(gradient_graph(subject, part), vectors), strict=True):
            total += product
    return totals


def passes(subject: Subject, rows: Tensor | None = None) -> tuple[Tensor, ...]:
    """Some rows, or all, in parts that fit one pass."""
    rows = torch.arange(subject.samples) if rows is None else rows
    return rows.to(subject.x.device).split(subject.chunk)


def _products(graph: Graph, vectors: Sequence[Tensor]) -> Iterator[Tensor]:
    return (product_with(graph, v) for v in vectors)


def loss_gradient(subject: Subject) -> Tensor:
    """Gradient of the mean loss as one vector, on the CPU."""

    def made() -> Tensor:
        return group_gradient(subject, torch.arange(subject.samples))

    found: Tensor = subject.once("gradient", made)
    return found


def group_gradient(subject: Subject, rows: Tensor) -> Tensor:
    """Gradient of the mean loss over some rows as one vector, on the CPU."""
    return gradient_at(subject, subject.weights, rows)


def gradient_at(subject: Subject, weights: Weights, rows: Tensor | None = None) -> Tensor:
    """Gradient of the mean loss at other weights, over some rows or all, on the CPU."""
    leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
    total = torch.zeros(sum(w.numel() for w in leaves.values()), dtype=next(iter(leaves.values())).dtype)
    for part in passes(subject, rows):
        loss = _summed_loss(subject, leaves, part)
        total += flat(torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)).cpu()
    return total / (subject.samples if rows is None else len(rows))


def _summed_loss(subject: Subject, weights: Weights, rows: Tensor) -> Tensor:
    logits = folded(subject)(weights, subject.x[rows])
    return nn.functional.cross_entropy(logits, subject.y[rows], reduction="sum")
