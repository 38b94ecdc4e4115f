"""Mean change of the loss under small random steps."""

import torch

from backend.contracts.cards import (
    Arity,
    Direction,
    Family,
    Input,
    Parameter,
    Question,
    Role,
    Uncertainty,
)
from worker.measures.inputs import Subject
from worker.measures.landscape.curvature import loss_gradient, shifted
from worker.measures.measure import Reading, measure
from worker.measures.uncertainty import leave_one_out_means


@measure(
    slug="sam-sharpness-random-mean",
    title="Random-step sharpness, mean",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    formula=r"\frac{1}{K\rho}\sum_k \lvert L(\theta + \varepsilon_k) - L(\theta)\rvert,\quad "
    r"\varepsilon_k \sim \mathcal N(0, \tfrac{\rho^2}{P} I)",
    input=Input.NETWORK,
    bounds=(0.0, None),
    direction=Direction.LOWER_IS_FLATTER,
    role=Role.TRAIN,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="500 samples and 100 draws; the error over draws is given apart",
    pitfalls="A gradient norm in disguise: its expectation is √(2/π)·‖∇L‖/√P, shown beside it. Only weights "
    "move, running statistics do not.",
    source="Sharpness of published comparisons of minima; expectation by first-order expansion",
    parameters=(
        Parameter(name="rho", default=0.005, minimum=1e-6, maximum=10, help="Typical length of a step."),
        Parameter(name="draws", default=100, minimum=2, maximum=10000, help="Random steps."),
    ),
    tolerance=1e-6,
)
def sam_sharpness_random_mean(subject: Subject, *, rho: float, draws: int) -> Reading:
    """Mean change of the loss per unit length of a small random step, in nats."""
    subject = subject.in_float64()
    base = subject.losses(subject.weights)
    size = sum(w.numel() for w in subject.weights.values())
    generator = subject.generator()
    groups = subject.groups
    rises, parts = [], []
    for _ in range(draws):
        step = torch.randn(size, generator=generator, dtype=torch.float64) * (rho / size**0.5)
        change = (subject.losses(shifted(subject, step.to(subject.x.device))) - base).cpu()
        rises.append(change.mean())
        if groups:
            parts.append(torch.stack([change[g].mean() for g in groups]))
    sizes = torch.stack(rises).abs() / rho
    replicates = None
    if groups:
        replicates = leave_one_out_means(torch.stack(parts, dim=1), groups).abs().mean(1) / rho
    slope = float(loss_gradient(subject).norm())
    return Reading(
        float(sizes.mean()),
        replicates,
        monte_carlo_error=float(sizes.std() / draws**0.5),
        notes={"gradient_norm": slope, "expected_from_gradient": (2 / torch.pi) ** 0.5 * slope / size**0.5},
    )
