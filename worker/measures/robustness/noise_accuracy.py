"""Accuracy on samples with Gaussian noise."""

import torch

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.robustness.family import robustness_card
from kinscape.worker.robustness.accuracy import correct_on
from kinscape.worker.robustness.samples import raw_samples


@measure(
    robustness_card(
        slug="noise-accuracy",
        version=2,
        title="Accuracy under noise",
        formula=r"\mathbb{E}_\varepsilon\, \mathrm{acc}(x + \varepsilon),\quad "
        r"\varepsilon \sim \mathcal N(0, (\sigma\,\mathrm{sd}(x))^2 I)",
        reliable_from="200 samples; the Monte-Carlo error over draws is reported separately",
        pitfalls="σ is in standard deviations of all values of the probe set. Values may leave the range of the "
        "samples.",
        source="Additive Gaussian noise; mean over draws",
        parameters=(
            Parameter(
                name="sigma", default=0.5, minimum=0, maximum=100, help="Noise in standard deviations of the data."
            ),
            Parameter(name="draws", default=5, minimum=2, maximum=1000, help="Noisy copies of every sample."),
        ),
    ),
)
def noise_accuracy(subject: Subject, *, sigma: float, draws: int) -> Measurement:
    """Accuracy when Gaussian noise is added to the inputs."""
    raw = raw_samples(subject)
    spread = sigma * float(raw.values.double().std())
    generator = subject.generator()
    rights = []
    for _ in range(draws):
        noise = torch.randn(raw.values.shape, generator=generator).to(raw.values)
        rights.append(correct_on(subject, raw.normalised(raw.values + spread * noise)))
    table = torch.stack(rights)
    mean = table.mean(0)
    return Measurement(
        float(mean.mean()),
        group_means(mean, subject),
        monte_carlo_error=float(table.mean(1).std() / draws**0.5),
        notes={"clean_accuracy": float(correct_on(subject, subject.x).mean()), "noise": spread},
    )
