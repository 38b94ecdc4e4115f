"""Accuracy after several adversarial steps."""

import torch

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.robustness.family import robustness_card
from kinscape.worker.robustness.accuracy import correct_on
from kinscape.worker.robustness.attack import attacked
from kinscape.worker.robustness.samples import raw_samples

# Steps add up to 2.5 radii, so that the whole ball can be crossed.
REACH = 2.5


@measure(
    robustness_card(
        slug="pgd-accuracy",
        version=2,
        title="Accuracy after several adversarial steps (PGD)",
        formula=r"\mathrm{acc}(x_T),\quad x_{t+1} = \Pi_{\lVert x - x_0\rVert_\infty \le \epsilon}"
        r"\big(x_t + \tfrac{2.5\,\epsilon}{T}\,\mathrm{sign}\,\nabla_x \ell\big)",
        reliable_from="200 samples",
        pitfalls="An upper bound of what an attacker leaves: more steps or other starts may find more. One random "
        "start "
        "from the seed. ε is a share of the range of the samples.",
        source="Madry et al. 2018, equation 2 and section 5",
        parameters=(
            Parameter(
                name="epsilon", default=8 / 255, minimum=0, maximum=1, help="Largest change, share of the range."
            ),
            Parameter(name="steps", default=10, minimum=1, maximum=1000, help="Steps uphill."),
        ),
    ),
)
def pgd_accuracy(subject: Subject, *, epsilon: float, steps: int) -> Measurement:
    """Accuracy after projected gradient ascent on the inputs."""
    raw = raw_samples(subject)
    size = epsilon * raw.span
    draw = 2 * torch.rand(raw.values.shape, generator=subject.generator()).to(raw.values) - 1
    start = (raw.values + size * draw).clamp(raw.low, raw.high)
    moved = attacked(raw, start=start, radius=size, step=REACH * size / steps, steps=steps)
    right = correct_on(subject, raw.normalised(moved))
    notes: dict[str, float | int | str] = {"clean_accuracy": float(correct_on(subject, subject.x).mean())}
    return Measurement(float(right.mean()), group_means(right, subject), notes=notes)
