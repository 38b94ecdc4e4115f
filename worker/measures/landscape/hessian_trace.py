"""The trace of the Hessian of the loss, exact where the network allows it."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.directional_curvature import group_curvatures
from kinscape.worker.curvature.gauss_newton import gauss_newton_forms, gauss_newton_traces
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.hessian_products import hessian_product
from kinscape.worker.curvature.piecewise_linear import is_piecewise_linear
from kinscape.worker.curvature.vectors import size_of, start_vectors
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card

# Probes of the remainder are other draws than the starts of Krylov runs.
FIRST_PROBE = 10_000


@measure(
    minimum_card(
        slug="hessian-trace",
        version=2,
        title="Hessian trace",
        formula=r"\operatorname{Tr}\nabla^2_\theta L",
        low=None,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="500 samples: a mean of per-sample traces that differ by orders of magnitude",
        pitfalls="Rescaling layers changes it without changing the function. Exact for networks that are piecewise "
        "linear in each weight; otherwise the Gauss-Newton part is exact and the rest is estimated from "
        "random probes, whose error is reported separately from the sampling interval.",
        source="Hutchinson 1990 for the estimated part; Schraudolph 2002 for the Gauss-Newton matrix",
        parameters=(
            Parameter(
                name="probes",
                default=50,
                minimum=2,
                maximum=10000,
                help="Random vectors for the part that is not exact; with as many as weights, all of it is.",
            ),
        ),
        tolerance=1e-3,
    ),
)
def hessian_trace(subject: Subject, *, probes: int) -> Measurement:
    """Sum of the loss's curvatures over all weights, in nats per squared weight."""
    traces = gauss_newton_traces(subject)
    samples = traces.samples
    value, replicates, error = float(samples.mean()), group_means(samples, subject), traces.monte_carlo_error
    if is_piecewise_linear(subject):
        notes: dict[str, float | int | str] = {"computed": "exact" if error is None else "from drawn classes"}
        return Measurement(value, replicates, monte_carlo_error=error, notes=notes)
    if size_of(subject) <= probes:
        # As many products as weights give the whole diagonal: nothing is left to chance.
        more = _diagonal(subject) - value
        return Measurement(
            value + more,
            None if replicates is None else replicates + more,
            monte_carlo_error=error,
            notes={"computed": "exact" if error is None else "from drawn classes"},
        )
    rest = _remainders(subject, probes)
    sizes = torch.tensor([len(g) for g in _groups(subject)], dtype=torch.float64)
    by_probe = (rest * sizes[:, None]).sum(0) / sizes.sum()
    own = float(by_probe.std() / probes**0.5)
    if replicates is not None:
        # The same probes for every group: what differs between them is the samples.
        replicates = replicates + leave_one_out_means(rest.mean(1), subject.groups)
    return Measurement(
        value + float(by_probe.mean()),
        replicates,
        monte_carlo_error=(own**2 + (error or 0.0) ** 2) ** 0.5,
        notes={"computed": "Gauss-Newton part exact, rest estimated", "probes": probes},
    )


def _groups(subject: Subject) -> tuple[Tensor, ...]:
    return subject.groups or tuple(torch.arange(subject.samples).split(subject.chunk))


def _diagonal(subject: Subject) -> float:
    """Sum of the Hessian's diagonal, one product for each weight."""
    product = hessian_product(subject)
    like = next(iter(subject.weights.values()))
    total = 0.0
    for k in range(size_of(subject)):
        unit = torch.zeros(size_of(subject), dtype=like.dtype, device=like.device)
        unit[k] = 1
        total += float(product(unit)[k])
    return total


def _remainders(subject: Subject, probes: int) -> Tensor:
    """Quadratic forms ``vᵀ(H - GGN)v`` of each group's mean loss for random signs, ``(groups, probes)``, float64."""
    groups, parts = _groups(subject), []
    for vectors in start_vectors(subject, range(FIRST_PROBE, FIRST_PROBE + probes)):
        forms = torch.stack([gauss_newton_forms(subject, v) for v in vectors], 1)
        convex = torch.stack([forms[group].mean(0) for group in groups])
        parts.append(group_curvatures(subject, vectors, groups) - convex)
    # Signs have the length of the square root of their number; the vectors were of unit length.
    return torch.cat(parts, 1) * size_of(subject)
