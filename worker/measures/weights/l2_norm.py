"""Length of the weights."""

from torch import Tensor

from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix, profile


@measure(
    matrices_card(
        slug="l2-norm",
        title="L2 norm of the weights",
        formula=r"\lVert\theta\rVert_2",
        low=0.0,
        high=None,
        reliable_from="any number of weights",
        pitfalls="Grows with the number of weights, so compare networks of one architecture. Matrices and kernels "
        "only; with norm layers the function may not depend on it.",
        source="Euclidean norm of all matrices as one vector",
    ),
    prepare=every_matrix,
)
def l2_norm(weights: dict[str, Tensor]) -> Measurement:
    """How long the vector of weights is."""
    each = {n: float(w.norm()) for n, w in weights.items()}
    return Measurement(sum(v**2 for v in each.values()) ** 0.5, series=profile({**each}))
