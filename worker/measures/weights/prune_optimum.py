"""The sparsity at which a prune keeps most for what it takes."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix
from kinscape.worker.spectra.pruning import optimum, prune_curve_of


@measure(
    matrices_card(
        slug="prune-optimum",
        title="Prune optimum",
        formula=r"\arg\min_s\; (1-s)^2 + (1-\cos(s))^2",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any number of weights",
        pitfalls="The point of the prune curve closest to (1, 1): a statement about weights, not about accuracy.",
        source="Mason-Williams & Dahlqvist 2024",
    ),
    prepare=every_matrix,
)
def prune_optimum(weights: dict[str, Tensor]) -> Measurement:
    """Sparsity whose cosine to the unpruned weights is closest to having both at 1."""
    curve = prune_curve_of(weights)
    sparsity, cosine = optimum(curve)
    return Measurement(sparsity, notes={"cosine": cosine}, series=curve.series())
