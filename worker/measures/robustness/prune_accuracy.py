"""Accuracy after the smallest weights were taken away."""

import torch

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.robustness.family import robustness_card
from kinscape.worker.operations.pruning import pruned
from kinscape.worker.robustness.accuracy import correct_on
from kinscape.worker.spectra.layers import every_matrix
from kinscape.worker.spectra.pruning import optimum, prune_curve_of

# Where the curve is read beside the share that is asked.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@measure(
    robustness_card(
        slug="prune-accuracy",
        title="Accuracy after pruning",
        formula=r"\mathrm{acc}(\theta \odot m_s),\quad m_s = 0 \text{ for the smallest } sP \text{ weights}",
        ignores={Change.PERMUTE_UNITS},
        reliable_from="200 samples",
        pitfalls="Without any training after it: a network may win back what it lost. All matrices are pruned together "
        "by size; biases, norms and running statistics stay. The optimum is that of the weights, whatever the accuracy "
        "there.",
        source="Magnitude pruning over the whole network as in Frankle & Carbin 2019; the optimum of Mason-Williams & "
        "Dahlqvist 2024",
        parameters=(
            Parameter(
                name="share",
                default=0.0,
                minimum=0,
                maximum=1,
                help="Of weights that are taken away; 0 stands for the network's own prune optimum.",
            ),
        ),
    ),
)
def prune_accuracy(subject: Subject, *, share: float) -> Measurement:
    """Accuracy of a copy without its smallest weights, and along all shares."""
    best, cosine = optimum(prune_curve_of(every_matrix(subject.weights)))
    asked = share or best

    def right(at: float) -> torch.Tensor:
        weights = pruned(subject.weights, share=at, per_layer=False, at_random=False, seed=0)
        return correct_on(subject, subject.x, weights=weights)

    curve = {at: float(right(at).mean()) for at in SHARES}
    mean = right(asked)
    notes: dict[str, float | int | str] = {"share": asked, "optimum_cosine": cosine, "unpruned_accuracy": curve[0.0]}
    return Measurement(
        float(mean.mean()),
        group_means(mean, subject),
        notes=notes,
        series={"sparsity": list(curve), "accuracy": list(curve.values())},
    )
