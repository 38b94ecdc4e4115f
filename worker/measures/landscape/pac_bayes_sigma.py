"""How much noise the weights can take."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Direction, Parameter, Uncertainty
from kinscape.worker.curvature.vectors import shifted, size_of
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card
from kinscape.worker.robustness.accuracy import correct_on

# σ is searched on a logarithmic scale between these.
SMALLEST, LARGEST = 1e-6, 1e2
# 28 halvings of the logarithm leave σ known to a ten-millionth.
HALVINGS = 14
# The error over draws is turned into one of σ by the slope ten per cent to either side.
NUDGE = 1.1


@measure(
    minimum_card(
        slug="pac-bayes-sigma",
        version=2,
        title="PAC-Bayes σ",
        formula=r"\max\{\sigma : \mathrm{acc}(\theta) - \mathbb{E}_{\varepsilon \sim \mathcal N(0, \sigma^2 I)}\,"
        r"\mathrm{acc}(\theta + \varepsilon) \le 0.1\}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        needs_labels=True,
        uncertainty=Uncertainty.FIRST_ORDER,
        reliable_from="500 samples and 10 draws; the Monte-Carlo error over draws is reported separately",
        pitfalls="Larger is flatter. The noise is absolute, so rescaling layers changes it. Found by bisection with "
        "the "
        "same draws at every σ. Undefined where the accuracy is not above the drop.",
        source="Dziugaite & Roy 2017; Jiang et al. 2020, sharpness bounds; σ is a standard deviation",
        parameters=(
            Parameter(name="drop", default=0.1, minimum=0.001, maximum=0.9, help="Accuracy that may be lost."),
            Parameter(name="draws", default=10, minimum=2, maximum=1000, help="Noisy copies of the network."),
        ),
        tolerance=1e-2,
    ),
)
def pac_bayes_sigma(subject: Subject, *, drop: float, draws: int) -> Measurement:
    """Largest standard deviation of noise on all weights that costs at most a tenth of the accuracy."""
    clean = correct_on(subject, subject.x)
    if float(clean.mean()) <= drop:
        raise Undefined(f"The accuracy is {float(clean.mean()):.3f}, so it cannot fall by {drop:g}.")
    if float(clean.mean() - _noisy(subject, LARGEST, draws).mean()) <= drop:
        raise Undefined(f"Noise of any size costs less than {drop:g} of its accuracy of {float(clean.mean()):.3f}.")
    low, high = SMALLEST, LARGEST
    for _ in range(HALVINGS * 2):
        middle = (low * high) ** 0.5
        within = float(clean.mean() - _noisy(subject, middle, draws).mean()) <= drop
        low, high = (middle, high) if within else (low, middle)
    found = _noisy(subject, low, draws)
    slope = _slope(subject, low, draws)
    if not slope > 0:
        return Measurement(low)
    replicates = None
    if subject.groups:
        lost = clean - found.mean(0)
        parts = torch.stack([lost[g].mean() for g in subject.groups])
        replicates = low - (leave_one_out_means(parts, subject.groups) - lost.mean()) / slope
    return Measurement(low, replicates, monte_carlo_error=float(found.mean(1).std() / draws**0.5) / slope)


def _noisy(subject: Subject, sigma: float, draws: int) -> Tensor:
    """Which samples noisy copies get right, ``(draws, samples)``; the same draws for every σ."""
    generator = subject.generator()
    like = next(iter(subject.weights.values()))
    rows = []
    for _ in range(draws):
        step = torch.randn(size_of(subject), generator=generator).to(like) * sigma
        rows.append(correct_on(subject, subject.x, weights=shifted(subject, step)))
    return torch.stack(rows)


def _slope(subject: Subject, sigma: float, draws: int) -> float:
    """Accuracy lost per unit of σ, from a step to either side."""
    less, more = (float(_noisy(subject, s, draws).mean()) for s in (sigma / NUDGE, sigma * NUDGE))
    return (less - more) / (sigma * NUDGE - sigma / NUDGE)
