"""Accuracy on corrupted images."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.robustness.family import robustness_card
from kinscape.worker.robustness.accuracy import correct_on
from kinscape.worker.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from kinscape.worker.robustness.samples import half_widths, raw_samples

ALL = "all"


@measure(
    robustness_card(
        slug="corruption-accuracy",
        version=2,
        title="Accuracy on corrupted images",
        formula=r"\frac{1}{|K|\,5}\sum_{k \in K}\sum_{s=1}^{5} \mathrm{acc}\big(c_{k,s}(x)\big)",
        reliable_from="100 images",
        pitfalls="Strengths follow the usual families but the images are not those of a published corrupted data set: "
        "compare networks here, not with tables elsewhere. Widths scale with the side of the image.",
        source="Hendrycks & Dietterich 2019, section 3: kinds and five severities; arithmetic on the range of the "
        "samples",
        parameters=(
            Parameter(
                name="corruption",
                default=ALL,
                choices=(ALL, *(n.replace(" ", "-") for n in CORRUPTIONS)),
                help="One kind, or the mean over all.",
            ),
        ),
    ),
)
def corruption_accuracy(subject: Subject, *, corruption: str) -> Measurement:
    """Accuracy on images with noise, blur, shifts or changes of brightness, mean over kinds."""
    raw = raw_samples(subject)
    if raw.values.ndim != 4:
        raise Undefined(
            f"Corruptions are of images (channels, height, width); these samples have shape "
            f"{tuple(raw.values.shape[1:])}."
        )
    images = ((raw.values - raw.low) / raw.span).float().cpu().clamp(0, 1)
    names = [n for n in CORRUPTIONS if corruption in (ALL, n.replace(" ", "-"))]
    rights: list[Tensor] = []
    for name in names:
        for severity in range(1, SEVERITIES + 1):
            changed = corrupted(images, name, severity, seed=subject.seed).to(raw.values) * raw.span + raw.low
            rights.append(correct_on(subject, raw.normalised(changed)))
    table = torch.stack(rights)
    mean = table.mean(0)
    series: dict[str, list[float | str | None]] = {
        "corruption": [n for n in names for _ in range(SEVERITIES)],
        "severity": [float(s) for _ in names for s in range(1, SEVERITIES + 1)],
        "accuracy": list(table.mean(1).tolist()),
        "half_width": half_widths(table, subject),
    }
    notes: dict[str, float | int | str] = {"clean_accuracy": float(correct_on(subject, subject.x).mean())}
    return Measurement(float(mean.mean()), group_means(mean, subject), notes=notes, series=series)
