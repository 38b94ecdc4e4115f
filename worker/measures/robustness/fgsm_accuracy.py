"""Accuracy after one adversarial step."""

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.robustness.family import robustness_card
from kinscape.worker.robustness.accuracy import correct_on
from kinscape.worker.robustness.attack import attacked
from kinscape.worker.robustness.samples import raw_samples


@measure(
    robustness_card(
        slug="fgsm-accuracy",
        title="Accuracy after one adversarial step (FGSM)",
        formula=r"\mathrm{acc}\big(x + \epsilon\,\mathrm{sign}\,\nabla_x \ell\big)",
        reliable_from="200 samples",
        pitfalls="A weak attack: a network that resists it may not resist several steps. ε is a share of the range "
        "of the "
        "samples, to which the changed samples are clipped.",
        source="Goodfellow et al. 2015, section 4",
        parameters=(
            Parameter(
                name="epsilon", default=8 / 255, minimum=0, maximum=1, help="Largest change, share of the range."
            ),
        ),
    ),
)
def fgsm_accuracy(subject: Subject, *, epsilon: float) -> Measurement:
    """Accuracy after one signed gradient step on the inputs that raises the loss."""
    raw = raw_samples(subject)
    size = epsilon * raw.span
    moved = attacked(raw, start=raw.values, radius=size, step=size, steps=1)
    right = correct_on(subject, raw.normalised(moved))
    notes: dict[str, float | int | str] = {"clean_accuracy": float(correct_on(subject, subject.x).mean())}
    return Measurement(float(right.mean()), group_means(right, subject), notes=notes)
