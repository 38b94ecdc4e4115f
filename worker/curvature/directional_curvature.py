"""Curvature of the loss along a vector: of every sample, of groups of samples, and with groups left out.

Two nested forward derivatives of the logits cost a few forward passes, whatever the number of groups. On
current torch they are wrong through some layers (affine LayerNorm), so each network is tried against double
backward first: on a few samples in float64, and once on all of them together. Where they are wrong, groups are
multiplied one by one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.batchnorm_folding import folded
from kinscape.worker.curvature.broken import BROKEN
from kinscape.worker.curvature.hessian_products import Graph, gradient_graph, passes, product_with, summed_products
from kinscape.worker.curvature.vectors import flat, unflat
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.inputs.passes import smallest_batch
from kinscape.worker.inputs.subject import Subject, exact_attention
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.draws import generator_of

NESTED = "nested derivatives"
# Enough to show a nested derivative that is wrong.
TRIED_SAMPLES = 3
# Rounding of float64 through two derivatives.
TOLERANCE = 1e-7
# The sum over all samples is checked in the network's own float32.
TOLERANCE_OF_ALL = 1e-4


def curvature_along(subject: Subject, vector: Tensor) -> tuple[float, Tensor | None]:
    """Second derivative of the mean loss along a unit vector, and the same with each group left out, ``(groups,)``."""
    groups = subject.groups or (torch.arange(subject.samples),)
    parts = group_curvatures(subject, [vector], groups)[:, 0]
    sizes = torch.tensor([len(g) for g in groups], dtype=torch.float64)
    value = float((parts * sizes).sum() / sizes.sum())
    return value, leave_one_out_means(parts, groups) if subject.groups else None


def around(value: float, parts: Tensor, subject: Subject) -> Tensor:
    """Leave-one-group-out values: how the groups' own values differ, laid around a value.

    Args:
        parts: ``(groups,)`` value of each group.
    """
    left = leave_one_out_means(parts, subject.groups)
    sizes = torch.tensor([len(g) for g in subject.groups], dtype=parts.dtype)
    return left + (value - float((parts * sizes).sum() / sizes.sum()))


def group_curvatures(subject: Subject, vectors: Sequence[Tensor], groups: Sequence[Tensor]) -> Tensor:
    """Quadratic forms of the Hessian of each group's mean loss, ``(groups, vectors)``, float64."""
    # The first says whether nested derivatives are right for this network; then they are for all.
    by_sample = [f for v in vectors if (f := sample_curvatures(subject, v)) is not None]
    if len(by_sample) == len(vectors):
        forms = torch.stack(by_sample, 1)
        return torch.stack([forms[group].mean(0) for group in groups])
    found = torch.zeros(len(groups), len(vectors), dtype=torch.float64)
    for row, group in zip(found, groups, strict=True):
        for part in passes(subject, group):
            row += _forms(gradient_graph(subject, part), vectors)
        row /= len(group)
    return found


def sample_curvatures(subject: Subject, vector: Tensor) -> Tensor | None:
    """Second derivative of every sample's loss along a vector, ``(samples,)``, float64; nothing where it is wrong."""
    tried = subject.memo.get(NESTED)
    if tried is False or (tried is None and not _is_right(subject)):
        subject.memo.put(NESTED, False)
        return None
    step = dict(zip(subject.weights, unflat(vector, list(subject.weights.values())), strict=True))
    parts = []
    for start in range(0, subject.samples, subject.samples_at_once):
        rows = slice(start, start + subject.samples_at_once)
        parts.append(_along(subject, subject.weights, step, subject.x[rows], subject.y[rows]))
    found = torch.cat(parts).cpu()
    if tried is None:
        # Some samples may take a way through the network that the few did not.
        right = float(vector.double() @ summed_products(subject, [vector])[0].double())
        subject.memo.put(NESTED, abs(float(found.sum()) - right) <= TOLERANCE_OF_ALL * float(found.abs().sum()))
    return found if subject.memo.get(NESTED) else None


def _forms(graph: Graph, vectors: Sequence[Tensor]) -> Tensor:
    own = [float(v.double() @ product_with(graph, v).double()) for v in vectors]
    return torch.tensor(own, dtype=torch.float64)


def _along(subject: Subject, weights: Weights, step: Weights, x: Tensor, y: Tensor) -> Tensor:
    """Of logits z along the line: the variance of z' under the predictions p, and (p - y) z''."""
    network = folded(subject)

    def logits(w: Weights) -> Tensor:
        return network(w, x)

    def slope(w: Weights) -> tuple[Tensor, Tensor]:
        at, moved = torch.func.jvp(logits, (w,), (step,))[:2]
        return at, moved

    with exact_attention(), torch.no_grad():
        (z, first), (_, second) = torch.func.jvp(slope, (dict(weights),), (step,))[:2]
    p, first, second = z.double().softmax(1), first.double(), second.double()
    bent = (p * second).sum(1) - second.gather(1, y[:, None]).squeeze(1)
    return (p * first.square()).sum(1) - (p * first).sum(1).square() + bent


def _is_right(subject: Subject) -> bool:
    """Whether they agree with double backward, in float64, for a few samples and a random vector."""
    generator = generator_of("a direction")
    try:
        with torch.no_grad():
            # Networks that remember their activations can be copied only when these have no graph.
            subject.module(smallest_batch(subject.x))
        few = subject.of_rows(torch.arange(min(TRIED_SAMPLES, subject.samples))).in_float64()
        like = list(few.weights.values())
        vector = torch.randn(sum(w.numel() for w in like), generator=generator, dtype=torch.float64).to(few.x.device)
        step = dict(zip(few.weights, unflat(vector, like), strict=True))
        found = _along(few, few.weights, step, few.x, few.y)
        leaves = {n: w.clone().requires_grad_() for n, w in few.weights.items()}
        wanted = list(leaves.values())
        right = []
        for loss in nn.functional.cross_entropy(few.logits(leaves, few.x), few.y, reduction="none"):
            gradient = flat(torch.autograd.grad(loss, wanted, create_graph=True, materialize_grads=True))
            product = torch.autograd.grad(gradient @ vector, wanted, retain_graph=True, materialize_grads=True)
            right.append(flat(product) @ vector)
    except BROKEN:
        return False
    expected = torch.stack(right)
    return bool(((found - expected).abs() <= TOLERANCE * expected.abs().amax().clamp_min(1e-12)).all())
