"""The trace of the Hessian of the loss, exact where the network allows it."""

import torch
from torch import Tensor

from backend.contracts.cards import (
    Arity,
    Change,
    Direction,
    Family,
    Input,
    Parameter,
    Question,
    Role,
    Uncertainty,
)
from worker.measures.inputs import Subject, exact_attention
from worker.measures.landscape.curvature import flat, hessian_product, unflat
from worker.measures.landscape.gauss_newton import gauss_newton_traces
from worker.measures.landscape.piecewise import is_piecewise_linear
from worker.measures.measure import Reading, measure
from worker.measures.uncertainty import leave_one_out_means


@measure(
    slug="hessian-trace",
    title="Hessian trace",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    formula=r"\operatorname{Tr}\nabla^2_\theta L",
    input=Input.NETWORK,
    bounds=(None, None),
    direction=Direction.LOWER_IS_FLATTER,
    ignores={Change.PERMUTE_UNITS},
    role=Role.TRAIN,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="500 samples: a mean of per-sample traces that differ by orders of magnitude",
    pitfalls="Rescaling layers changes it without changing the function. Exact for networks that are piecewise "
    "linear in each weight; otherwise the Gauss-Newton part is exact and the rest is estimated from random "
    "probes, whose error is given apart from the sampling interval.",
    source="Hutchinson 1990 for the estimated part; Schraudolph 2002 for the Gauss-Newton matrix",
    parameters=(
        Parameter(
            name="probes", default=50, minimum=2, maximum=10000,
            help="Random vectors for the part that is not exact; unused where all of it is.",
        ),
    ),
    tolerance=1e-3,
)  # fmt: skip
def hessian_trace(subject: Subject, *, probes: int) -> Reading:
    """Sum of the loss's curvatures over all weights, in nats per squared weight."""
    samples = gauss_newton_traces(subject).cpu()
    parts = torch.stack([samples[g].mean() for g in subject.groups]) if subject.groups else None
    replicates = None if parts is None else leave_one_out_means(parts, subject.groups)
    if is_piecewise_linear(subject):
        return Reading(float(samples.mean()), replicates, notes={"computed": "exact"})
    rest = _remainders(subject, probes)
    mean = float(rest.mean())
    return Reading(
        float(samples.mean()) + mean,
        None if replicates is None else replicates + mean,
        monte_carlo_error=float(rest.std() / len(rest) ** 0.5),
        notes={"computed": "Gauss-Newton part exact, rest estimated", "probes": probes},
    )


def _remainders(subject: Subject, probes: int) -> Tensor:
    """Quadratic forms ``vᵀ(H - GGN)v`` for random sign vectors, ``(probes,)``, float64."""
    product = hessian_product(subject)
    generator = subject.generator()
    like = list(subject.weights.values())
    size = sum(w.numel() for w in like)
    values = []
    for _ in range(probes):
        signs = torch.randint(0, 2, (size,), generator=generator).to(like[0]) * 2 - 1
        whole = float(signs.double() @ product(signs).double())
        values.append(whole - gauss_newton_form(subject, signs))
    return torch.tensor(values, dtype=torch.float64)


def gauss_newton_form(subject: Subject, vector: Tensor) -> float:
    """Quadratic form of the mean Gauss-Newton matrix along a vector, by one forward derivative."""
    total = 0.0
    for start in range(0, subject.samples, subject.chunk):
        p, slope = logit_slopes(subject, vector, slice(start, start + subject.chunk))
        total += float((p * slope.square()).sum() - (p * slope).sum(1).square().sum())
    return total / subject.samples


def logit_slopes(subject: Subject, vector: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """Probabilities and the logits' derivative along a vector, each ``(samples, classes)``, float64."""
    names = list(subject.weights)
    like = list(subject.weights.values())
    tangent = dict(zip(names, unflat(vector, like), strict=True))

    def logits(weights: dict[str, Tensor]) -> Tensor:
        return subject.logits(weights, subject.x[rows])

    with exact_attention(), torch.no_grad():
        out, slope = torch.func.jvp(logits, (subject.weights,), (tangent,))[:2]
    return out.double().softmax(1), slope.double()


def all_weights(subject: Subject) -> Tensor:
    """The network's weights as one vector."""
    return flat(list(subject.weights.values()))
