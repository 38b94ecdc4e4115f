"""Worst rise of the loss within a ball that is measured in the size of each weight."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.hessian_products import gradient_at
from kinscape.worker.curvature.vectors import all_weights, shifted
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card

LINF = "linf"


def projected(step: Tensor, *, radius: float, norm: str) -> Tensor:
    """The nearest step within the ball."""
    if norm == LINF:
        return step.clamp(-radius, radius)
    length = float(step.norm())
    return step * (radius / length) if length > radius else step


def uphill(slope: Tensor, *, norm: str) -> Tensor:
    """The direction of unit length that rises fastest."""
    return slope.sign() if norm == LINF else slope / slope.norm().clamp_min(1e-300)


@measure(
    minimum_card(
        slug="adaptive-sharpness",
        title="Adaptive sharpness",
        formula=r"\max_{\lVert \varepsilon / |\theta| \rVert_p \le \rho} L(\theta + \varepsilon) - L(\theta)",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        needs_labels=True,
        reliable_from="500 samples; a lower bound of the maximum, closer with more steps",
        pitfalls="Weights that are exactly zero stay zero, so pruned networks have fewer directions. Projected ascent "
        "finds a rise, not always the highest. The interval holds the step fixed.",
        source="Kwon et al. 2021, equation 6; Andriushchenko et al. 2023, equation 2, without normalised logits",
        parameters=(
            Parameter(name="rho", default=0.01, minimum=1e-6, maximum=10, help="Radius, relative to each weight."),
            Parameter(name="norm", default=LINF, choices=(LINF, "l2"), help="Norm of the ball."),
            Parameter(name="steps", default=20, minimum=1, maximum=1000, help="Steps uphill."),
        ),
        tolerance=1e-6,
    ),
)
def adaptive_sharpness(subject: Subject, *, rho: float, norm: str, steps: int) -> Measurement:
    """Worst rise of the loss when every weight may move by a share of its own size, in nats."""
    subject = subject.in_float64()
    sizes = all_weights(subject).abs()
    if not float(sizes.amax()) > 0:
        raise Undefined("All weights are zero, so none may move.")
    base = subject.losses(subject.weights)
    step = torch.zeros_like(sizes)
    best = torch.zeros_like(base)
    for number in range(steps):
        slope = gradient_at(subject, shifted(subject, sizes * step)).to(sizes) * sizes
        if not float(slope.norm()) > 0:
            break
        # The first step reaches the edge of the ball, the later ones grow shorter along it.
        length = rho * (1 - number / steps)
        step = projected(step + length * uphill(slope, norm=norm), radius=rho, norm=norm)
        rise = subject.losses(shifted(subject, sizes * step)) - base
        if float(rise.mean()) > float(best.mean()):
            best = rise
    return Measurement(
        float(best.mean()), group_means(best.cpu(), subject), notes={"zero_weights": int((sizes == 0).sum())}
    )
