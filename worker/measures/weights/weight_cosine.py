"""Cosine similarity of two networks' weights."""

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Undefined, Weights, is_parameter_name
from worker.measures.measure import measure


def unit_weights(weights: Weights, **_: object) -> tuple[Tensor, tuple[tuple[str, tuple[int, ...]], ...]]:
    """All trained parameters as one vector of length 1, with their names and shapes."""
    names = sorted(n for n in weights if is_parameter_name(n) and weights[n].is_floating_point())
    if not names:
        raise Undefined("There are no trained parameters to compare.")
    flat = torch.cat([weights[n].detach().to(torch.float64).flatten() for n in names])
    bad = int(flat.numel() - flat.isfinite().sum())
    if bad:
        raise Undefined(f"{bad} of {flat.numel()} weights are NaN or infinite.")
    flat = flat / flat.abs().max().clamp_min(1e-300)
    length = flat.norm()
    if not float(length) > 0:
        raise Undefined("All weights are zero, so the angle is 0/0.")
    return flat / length, tuple((n, tuple(weights[n].shape)) for n in names)


@measure(
    slug="weight-cosine",
    title="Weight cosine",
    family=Family.WEIGHTS,
    question=Question.WEIGHTS_ALIKE,
    formula=r"\frac{\langle \theta_a, \theta_b\rangle}{\lVert\theta_a\rVert\,\lVert\theta_b\rVert}",
    input=Input.WEIGHTS,
    bounds=(-1.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.SCALE_WEIGHTS},
    role=Role.NONE,
    uncertainty=Uncertainty.EXACT,
    reliable_from="any two networks of one architecture",
    pitfalls="Independent networks score near 0 even when they compute the same function: units are not "
    "matched. A training start stays visible for long, so an untrained network is close to its descendants. "
    "Rounding outside the range is cut.",
    source="Cosine similarity of all trained parameters; running statistics are left out",
    prepare=unit_weights,
)
def weight_cosine(
    a: tuple[Tensor, tuple[tuple[str, tuple[int, ...]], ...]],
    b: tuple[Tensor, tuple[tuple[str, tuple[int, ...]], ...]],
) -> Tensor:
    """Cosine of the angle between the two networks' parameters."""
    if a[1] != b[1]:
        raise Undefined("Not comparable: different architectures.")
    return (a[0] @ b[0]).clamp(-1.0, 1.0)
