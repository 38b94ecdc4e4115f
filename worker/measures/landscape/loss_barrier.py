"""Loss barrier: the hill on the straight line between two networks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.contracts.cards import (
    Direction,
    Family,
    Input,
    Pace,
    Parameter,
    Question,
    Role,
    Uncertainty,
)
from worker.measures.inputs import Subject, Undefined
from worker.measures.measure import Reading, measure
from worker.measures.uncertainty import leave_one_out_means


def line_losses(start: Subject, end: Subject, *, points: int) -> Tensor:
    """Loss of every sample along the line, ``(points, samples)``; weights and statistics are mixed."""
    both = [
        (str(s.module), {n: (t.shape, t.dtype) for n, t in [*s.weights.items(), *s.buffers.items()]})
        for s in (start, end)
    ]
    if both[0] != both[1]:
        raise Undefined("Not comparable: different architectures.")

    def mixed(a: dict[str, Tensor], b: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        return {n: torch.lerp(a[n], b[n], share) if a[n].is_floating_point() else a[n] for n in a}

    rows = []
    for share in torch.linspace(0, 1, points).tolist():
        weights = mixed(start.weights, end.weights, share)
        rows.append(start.losses(weights, buffers=mixed(start.buffers, end.buffers, share)))
    return torch.stack(rows).to(torch.float64)


def height(losses: Tensor) -> Tensor:
    """Highest rise above the chord of loss curves ``(points, ...)``."""
    share = torch.linspace(0, 1, losses.shape[0], dtype=losses.dtype).view(-1, *[1] * (losses.ndim - 1))
    return (losses - ((1 - share) * losses[0] + share * losses[-1])).amax(0)


def barrier(losses: Tensor, groups: Sequence[Tensor]) -> Reading:
    """The barrier of a path from the losses along it ``(points, samples)``, and where it is highest."""
    points, curve = len(losses), losses.mean(1)
    finite = curve.isfinite()
    if not bool(finite.all()):
        raise Undefined(f"The loss is not finite at {int((~finite).sum())} of {points} points of the path.")
    replicates = None
    if groups:
        parts = torch.stack([losses[:, g].mean(1) for g in groups])
        replicates = height(leave_one_out_means(parts, groups).T)
    chord = torch.linspace(float(curve[0]), float(curve[-1]), points, dtype=curve.dtype)
    return Reading(float(height(curve)), replicates, notes={"highest_at": int((curve - chord).argmax()) / (points - 1)})


@measure(
    slug="loss-barrier",
    title="Loss barrier",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    formula=r"\max_\alpha L(\alpha\theta_1 + (1-\alpha)\theta_2) - (\alpha L_1 + (1-\alpha) L_2)",
    input=Input.NETWORK,
    bounds=(0.0, None),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    role=Role.TRAIN,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="25 points and 200 samples",
    pitfalls="Units are not matched, so independent networks have a barrier even when they compute the same "
    "function. BatchNorm statistics are interpolated, not re-estimated, which makes barriers higher.",
    source="Entezari et al. 2022, equation 1; Frankle et al. 2020, section 2",
    parameters=(
        Parameter(name="points", default=25, minimum=3, maximum=1001, help="Points on the line, ends included."),
    ),
    pace=Pace.PATH,
    tolerance=1e-4,
)
def loss_barrier(start: Subject, end: Subject, *, points: int) -> Reading:
    """Highest rise of the loss above the straight line between two networks, in nats."""
    return barrier(line_losses(start, end, points=points), start.groups)
