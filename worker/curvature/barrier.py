"""The hill on the straight line between two networks."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.linear_paths import INTERPOLATED, Outcomes, between
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined

ERROR = "error"
CHORD = "line"
BARRIER_PARAMETERS = (
    Parameter(name="points", default=25, minimum=3, maximum=1001, help="Points on the line, ends included."),
    Parameter(name="outcome", default="loss", choices=("loss", ERROR), help="What rises: loss in nats, or error."),
    Parameter(
        name="reference",
        default=CHORD,
        choices=(CHORD, "endpoint-mean"),
        help="What the rise is above: the straight line between the ends, or their mean.",
    ),
    Parameter(
        name="statistics",
        default=INTERPOLATED,
        choices=(INTERPOLATED, "re-estimated"),
        help="BatchNorm statistics along the path: interpolated like weights, or estimated again from the samples.",
    ),
)


def heights(curves: Tensor, *, reference: str) -> Tensor:
    """Rise of curves ``(points, ...)`` above their reference, point by point."""
    share = torch.linspace(0, 1, curves.shape[0], dtype=curves.dtype).view(-1, *[1] * (curves.ndim - 1))
    if reference != CHORD:
        share = torch.full_like(share, 0.5)
    return curves - ((1 - share) * curves[0] + share * curves[-1])


def highest(curves: Tensor, *, reference: str) -> Tensor:
    """Highest finite rise of curves ``(points, ...)`` above their reference, never below 0."""
    rise = heights(curves, reference=reference)
    return rise.masked_fill(~rise.isfinite(), -torch.inf).amax(0).clamp_min(0)


def barrier(start: Subject, end: Subject, *, points: int, outcome: str, reference: str, statistics: str) -> Measurement:
    """The barrier on the straight line between two networks, with loss and accuracy along it.

    Raises:
        Undefined: architectures differ, or an end of the line has no finite loss.
    """
    shares = torch.linspace(0, 1, points, dtype=torch.float64).tolist()
    found = between([start, end], [(1 - s, s) for s in shares], statistics=statistics)
    return reading(found, shares, start.groups, outcome=outcome, reference=reference)


def reading(
    found: Outcomes, shares: list[float], groups: tuple[Tensor, ...], *, outcome: str, reference: str
) -> Measurement:
    """The barrier on any path, from what its points score.

    Args:
        shares: places of the points along the path, from 0 to 1.
        groups: rows to leave out together.

    Raises:
        Undefined: an end of the path has no finite loss.
    """
    values = found.errors if outcome == ERROR else found.losses
    curve, loss = values.mean(1), found.losses.mean(1)
    # An argmax over NaN is a class too, but not one that the network predicts: where the loss broke, so did the error.
    broken = ~loss.isfinite()
    if bool(broken[0]) or bool(broken[-1]):
        raise Undefined("The loss of one of the two networks is not finite.")
    curve = curve.masked_fill(broken, float("nan"))
    replicates = None
    if groups:
        parts = torch.stack([values[:, g].mean(1) for g in groups])
        left = leave_one_out_means(parts, groups).T.masked_fill(broken[:, None], float("nan"))
        replicates = highest(left, reference=reference)
    rise = heights(curve, reference=reference).nan_to_num(-torch.inf)
    warning = ""
    if bool(broken.any()):
        warning = (
            f"The loss is not finite at {int(broken.sum())} of {len(shares)} points: the barrier is at least this."
        )
    accuracy = (1 - found.errors.mean(1)).masked_fill(broken, float("nan"))
    series: dict[str, list[float | str | None]] = {
        "share": [*shares],
        "loss": [*loss.tolist()],
        "accuracy": [*accuracy.tolist()],
    }
    notes: dict[str, float | int | str] = {"highest_at": shares[int(rise.argmax())]}
    return Measurement(
        float(highest(curve, reference=reference)), replicates, notes=notes, series=series, warning=warning
    )
