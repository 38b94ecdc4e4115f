"""Curvature of every sample's loss along a vector, by forward derivatives alone.

Two nested forward derivatives of the logits cost a few forward passes, whatever the number of groups
that are left out later. On current torch they are wrong through some layers (affine LayerNorm), so each
network is tried on a few samples against double backward first.
"""

import torch
from torch import Tensor, nn

from worker.measures.inputs import Subject, Weights, exact_attention
from worker.measures.landscape.folding import folded
from worker.measures.landscape.vectors import flat, unflat

TRIED_SAMPLES = 3
TOLERANCE = 1e-7


def sample_curvatures(subject: Subject, vector: Tensor) -> Tensor | None:
    """Second derivative of every sample's loss along a vector, ``(samples,)``, float64; nothing where it is wrong."""
    if not subject.once("nested derivatives", lambda: _is_right(subject)):
        return None
    step = dict(zip(subject.weights, unflat(vector, list(subject.weights.values())), strict=True))
    parts = []
    for start in range(0, subject.samples, subject.samples_at_once):
        rows = slice(start, start + subject.samples_at_once)
        parts.append(_along(subject, subject.weights, step, subject.x[rows], subject.y[rows]))
    return torch.cat(parts).cpu()


def _along(subject: Subject, weights: Weights, step: Weights, x: Tensor, y: Tensor) -> Tensor:
    """Of logits z along the line: the variance of z' under the answers p, and (p - y) z''."""
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
    generator = torch.Generator().manual_seed(0)
    try:
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
    except (RuntimeError, NotImplementedError):
        return False
    expected = torch.stack(right)
    return bool(((found - expected).abs() <= TOLERANCE * expected.abs().amax().clamp_min(1e-12)).all())
