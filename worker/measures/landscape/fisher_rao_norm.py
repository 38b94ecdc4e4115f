"""The Fisher-Rao norm."""

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.gauss_newton import gauss_newton_forms
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.vectors import all_weights
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="fisher-rao-norm",
        title="Fisher-Rao norm",
        formula=r"\sqrt{\theta^\top F\,\theta},\quad F = \mathbb{E}_x \mathbb{E}_{y\sim p}\,"
        r"\nabla\ell\,\nabla\ell^\top",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        reliable_from="200 samples",
        pitfalls="Uses the model's own Fisher matrix, not the labels: the label-based norm of some papers is "
        "another number. Follows how confident the model is.",
        source="Liang et al. 2019, definition 2; exact by one forward derivative along the weights",
        tolerance=1e-4,
    ),
)
def fisher_rao_norm(subject: Subject) -> Measurement:
    """Norm of the weights in the metric of the model's Fisher information."""
    samples = gauss_newton_forms(subject, all_weights(subject))
    left = group_means(samples, subject)
    return Measurement(float(samples.mean().sqrt()), None if left is None else left.sqrt())
