"""Share of weights that are zero."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix, profile


@measure(
    matrices_card(
        slug="sparsity",
        title="Sparsity",
        formula=r"\frac{1}{P}\sum_j [w_j = 0]",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any number of weights",
        pitfalls="Counts exact zeros in matrices and kernels only; biases and norms are left out. A pruned network "
        "that was trained on without its mask has none.",
        source="Share of exact zeros",
    ),
    prepare=every_matrix,
)
def sparsity(weights: dict[str, Tensor]) -> Measurement:
    """How many of the weights are exactly zero."""
    zeros = {n: float((w == 0).double().mean()) for n, w in weights.items()}
    total = sum(w.numel() for w in weights.values())
    return Measurement(sum(zeros[n] * w.numel() for n, w in weights.items()) / total, series=profile({**zeros}))
