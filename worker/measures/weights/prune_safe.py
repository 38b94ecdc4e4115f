"""A sparsity that leaves room for layers of unlike tails."""

from typing import NamedTuple

from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.kurtosis import OVER, counted, kurtosis_over_layers
from kinscape.worker.spectra.layers import every_matrix
from kinscape.worker.spectra.pruning import safe_share


class PrunedAndCounted(NamedTuple):
    """The matrices that would be pruned, and the tensors whose kurtoses count."""

    pruned: dict[str, Tensor]
    counted: dict[str, Tensor]


def parts(weights: Weights, *, over: str) -> PrunedAndCounted:
    """Matrices for the optimum, and tensors for K₂."""
    return PrunedAndCounted(every_matrix(weights), counted(weights, over=over))


@measure(
    matrices_card(
        slug="prune-safe",
        version=2,
        title="Safe prune",
        formula=r"s^\ast / \max(1, d),\quad d = \log_2 K_2\ \text{for}\ K_2 < e,\ \text{else}\ \ln K_2",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="ten or more matrices, as the kurtosis of kurtoses",
        pitfalls="A rule from the weights alone; check the accuracy of the pruned network.",
        source="Mason-Williams & Dahlqvist 2024; the divisor is never below 1",
        parameters=(OVER,),
    ),
    prepare=parts,
)
def prune_safe(given: PrunedAndCounted, **_: object) -> Measurement:
    """The prune optimum, divided by how unlike the layers' tails are."""
    spread, _each = kurtosis_over_layers(given.counted)
    return Measurement(safe_share(given.pruned, spread=spread), notes={"kurtosis_of_kurtoses": spread})
