"""How fast pruning turns the weights away from where they were."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix
from kinscape.worker.spectra.pruning import optimum, prune_curve_of


@measure(
    matrices_card(
        slug="prune-curve",
        title="Area under the prune curve",
        formula=r"\int_0^1 \sqrt{1 - E(s)}\,ds,\quad E(s)\text{: energy share of the smallest } sP \text{ weights}",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any number of weights",
        pitfalls="About the weights alone: a network can lose its accuracy at a high cosine. Magnitude pruning over "
        "all "
        "matrices together; biases and norms stay.",
        source="Mason-Williams & Dahlqvist 2024; cosine in closed form from the energy of the unpruned weights",
    ),
    prepare=every_matrix,
)
def prune_curve(weights: dict[str, Tensor]) -> Measurement:
    """Mean cosine between the weights and their pruned copies over all sparsities."""
    curve = prune_curve_of(weights)
    sparsity, cosine = optimum(curve)
    notes: dict[str, float | int | str] = {"optimum_sparsity": sparsity, "optimum_cosine": cosine}
    return Measurement(float(torch.trapezoid(curve.cosines, curve.sparsities)), notes=notes, series=curve.series())
