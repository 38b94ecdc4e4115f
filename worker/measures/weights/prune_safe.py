"""A sparsity that leaves room for layers of unlike tails."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix
from kinscape.worker.spectra.pruning import safe_share


@measure(
    matrices_card(
        slug="prune-safe",
        title="Safe prune",
        formula=r"s^\ast / \max(1, \ln K_2)",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="ten or more matrices, as the kurtosis of kurtoses",
        pitfalls="A rule from the weights alone; check the accuracy of the pruned network.",
        source="Mason-Williams & Dahlqvist 2024; the divisor is never below 1",
    ),
    prepare=every_matrix,
)
def prune_safe(weights: dict[str, Tensor]) -> Measurement:
    """The prune optimum, divided by how unlike the layers' tails are."""
    share, spread = safe_share(weights)
    return Measurement(share, notes={"kurtosis_of_kurtoses": spread})
