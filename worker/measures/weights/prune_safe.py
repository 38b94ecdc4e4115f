"""A sparsity that leaves room for layers of unlike tails."""

from torch import Tensor

from backend.contracts.cards import Change
from worker.evaluation.measure import Reading
from worker.measures.weights.family import measure_of_matrices
from worker.spectra.layers import every_matrix
from worker.spectra.pruning import safe_share


@measure_of_matrices(
    slug="prune-safe",
    title="Safe prune",
    formula=r"s^\ast / \max(1, \ln K_2)",
    bounds=(0.0, 1.0),
    ignores={Change.SCALE_WEIGHTS},
    reliable_from="ten or more matrices, as the kurtosis of kurtoses",
    pitfalls="A rule from the weights alone; check the accuracy of the pruned network.",
    source="Mason-Williams & Dahlqvist 2024; the divisor is never below 1",
    prepare=every_matrix,
)
def prune_safe(weights: dict[str, Tensor]) -> Reading:
    """The prune optimum, divided by how unlike the layers' tails are."""
    share, spread = safe_share(weights)
    return Reading(share, notes={"kurtosis_of_kurtoses": spread})
