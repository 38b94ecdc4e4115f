"""Jensen-Shannon divergence of probabilities that were put through softmax twice.

The divergence of two numbers is half the squared distance of two points (Fuglede & Topsøe 2004). What a softmax makes
of probabilities lies within a factor of e, and there seven coordinates of these points leave 1e-15. So all pairs cost
one product and no logarithm.
"""

import math
from functools import cache

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans, bytes_at_once
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import LN_2, mean_square_distances

POWERS = 18  # polynomials of so many terms leave 1e-15 between 1 and e
LEAST_SHARE = 1e-14  # of the largest coordinate, squared; below, rounding begins
MIDDLE, HALF_WIDTH = (math.e + 1) / 2, (math.e - 1) / 2


def twice_softened(outputs: Outputs, **_: object) -> Tensor:
    """Softmax of the softmax ``(samples, classes)``, as multiples of the least there can be: from 1 to e."""
    p = outputs.probabilities
    return p.softmax(1).mul_(_scale(p.shape[1]))


def _scale(classes: int) -> float:
    """One over the least that a softmax of probabilities gives to a class."""
    return classes - 1 + math.e


def divergences(s: Tensor, t: Tensor) -> Tensor:
    """What each pair of numbers from 1 to e adds to the divergence; no digits are lost where they are close."""
    u = (s - t) / (s + t)
    return (s + t) / 2 * (u * u.atanh() + (-u.square()).log1p() / 2)


@cache
def _coordinates() -> Tensor:
    """Coefficients ``(coordinates, POWERS)`` of polynomials in the distance from the middle, over the half width.

    The squared distance of two points with these coordinates is twice the divergence of their numbers.
    """
    # Chebyshev nodes; there, inner products of points as seen from the middle, and coordinates that have them.
    x = ((torch.arange(POWERS, dtype=torch.float64) + 0.5) * (math.pi / POWERS)).cos()
    t = MIDDLE + HALF_WIDTH * x
    from_middle = divergences(t, torch.full_like(t, MIDDLE))
    inner = from_middle[:, None] + from_middle - divergences(t[:, None], t[None, :])
    sizes, directions = torch.linalg.eigh(inner)
    some = sizes > LEAST_SHARE * sizes[-1]
    return torch.linalg.solve(torch.linalg.vander(x), directions[:, some] * sizes[some].sqrt()).T.contiguous()


def _points(t: Tensor, coordinates: Tensor, powers: Tensor) -> Tensor:
    """Points ``(models, coordinates, values)`` of numbers ``(models, values)`` from 1 to e.

    Args:
        coordinates: their coefficients.
        powers: room for ``(models, POWERS, values)``; fresh memory would take longer than what is written there.
    """
    powers[:, 0] = 1
    torch.sub(t, MIDDLE, out=powers[:, 1]).div_(HALF_WIDTH)
    for k in range(2, POWERS):
        torch.mul(powers[:, k // 2], powers[:, k - k // 2], out=powers[:, k])
    return coordinates @ powers


def all_pairs(left: Tensor, right: Tensor) -> Tensor:
    """Mean divergence of every pair of two stacks ``(models, rows, classes)``, as products."""
    rows, classes = left.shape[1:]
    sides = [side.flatten(1) for side in ((left,) if left is right else (left, right))]
    models = max(len(side) for side in sides)
    at_once = min(rows * classes, max(1, bytes_at_once(left) // (left.element_size() * POWERS * models)))
    room = left.new_empty(models, POWERS, at_once)
    total, coordinates = left.new_zeros(len(left), len(right)), _coordinates().to(left)
    for parts in zip(*(side.split(at_once, dim=1) for side in sides), strict=True):
        points = [_points(t, coordinates, room[: len(t), :, : t.shape[1]]) for t in parts]
        total += mean_square_distances(points[0], points[-1]) * points[0].shape[1]
    return total / (2 * rows * _scale(classes))


@measure(
    output_card(
        slug="js-divergence-legacy-resoftmax",
        version=2,
        title="Jensen-Shannon divergence, softmax applied twice (legacy)",
        formula=r"\mathrm{JS}(\mathrm{softmax}(p),\ \mathrm{softmax}(q))",
        low=0.0,
        high=LN_2,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Only to reproduce published numbers: it shrinks the divergence about 40 times at 10 classes, "
        "more at more classes. Use js-divergence.",
        source="Published distillation code that passes probabilities where logits are expected",
        pace=Pace.PRODUCT,
    ),
    prepare=twice_softened,
    all_pairs=SampleMeans(all_pairs),
)
def js_divergence_legacy_resoftmax(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence as some published code computes it, in nats."""
    return divergences(p, q).sum(1).mean() / _scale(p.shape[1])
