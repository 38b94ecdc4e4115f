"""How many different units a network needs."""

import numpy as np
import torch

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Role
from kinscape.worker.curvature.linear_paths import outcomes_at
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card
from kinscape.worker.permutations.merging import mergeable, merged

# Distances at which units are merged; the first is that of copies but for rounding.
STEPS = 25
COPIES = 1e-6


@measure(
    minimum_card(
        slug="feature-complexity",
        title="Feature complexity by merging",
        formula=r"\min_\beta \frac{|\text{units after merging those nearer than } \beta|}{|\text{units}|}"
        r"\quad\text{with}\quad \mathrm{acc}_\beta \ge \mathrm{acc} - \delta",
        low=0.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_UNITS},
        role=Role.HELD_OUT,
        needs_labels=True,
        reliable_from="500 samples",
        pitfalls="Units are near where the weights that make them are, whatever scale a later layer could take back; "
        "merging is greedy. Where accuracy falls slowly the interval is wide. Units made or touched by other things "
        "than linear, convolutional, norm and embedding layers are left aside, which is counted.",
        source="Chen et al. 2024, iterative feature merging (network feature complexity), with average linkage",
        parameters=(
            Parameter(
                name="drop", default=0.01, minimum=0.0, maximum=1.0, help="By how much accuracy may fall, absolute."
            ),
        ),
        pace=Pace.PATH,
        tolerance=1e-6,
    ),
)
def feature_complexity(subject: Subject, *, drop: float) -> Measurement:
    """Share of hidden units that are left when alike ones are merged as long as accuracy holds."""
    units, skipped = mergeable(subject)
    total = sum(some.size for some in units)
    heights = np.concatenate([some.tree[:, 2] for some in units])
    distances = [COPIES, *np.unique(np.quantile(heights, np.linspace(0, 1, STEPS))).tolist()]
    shares, right = [1.0], []
    right.append(1 - outcomes_at(subject, subject.weights)[1])
    for distance in distances:
        state, left = merged(subject, units, distance)
        shares.append(left / total)
        right.append(1 - outcomes_at(subject, state, {n: state[n] for n in subject.buffers})[1])
    rows, share = torch.stack(right), torch.tensor(shares, dtype=torch.float64)
    accuracy = rows.mean(1)

    def fewest(curve: torch.Tensor) -> torch.Tensor:
        """Where accuracy first falls below what is allowed, between two points along their line."""
        allowed = curve[0] - drop
        last = int((curve >= allowed - 1e-12).long().cumprod(0).sum(0)) - 1
        if last == len(curve) - 1:
            return share[last]
        along = (curve[last] - allowed).clamp_min(0) / (curve[last] - curve[last + 1])
        return share[last] + along * (share[last + 1] - share[last])

    replicates = None
    if subject.groups:
        groups = tuple(g.cpu() for g in subject.groups)
        left_out = leave_one_out_means(torch.stack([rows[:, g].mean(1) for g in groups]), groups)
        replicates = torch.stack([fewest(curve) for curve in left_out])
    return Measurement(
        float(fewest(accuracy)),
        replicates,
        notes={"units": total, "units_not_merged": skipped, "accuracy": float(accuracy[0])},
        series={"units_left": shares, "accuracy": accuracy.tolist(), "distance": [0.0, *distances]},
    )
