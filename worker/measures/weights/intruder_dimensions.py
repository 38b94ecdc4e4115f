"""Singular vectors that tuning added."""

from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.measures.weights.family import weights_card
from kinscape.worker.spectra.flat_weights import matrices


class Spectra(NamedTuple):
    """Left singular vectors ``(out, rank)`` of every matrix, and its name and shape."""

    vectors: tuple[Tensor, ...]
    names: tuple[tuple[str, tuple[int, ...]], ...]


def spectra(weights: Weights, **_: object) -> Spectra:
    """Left singular vectors of every matrix, as many as its numerical rank."""
    found = matrices(weights)
    return Spectra(tuple(map(_left_vectors, found.values())), tuple((n, tuple(w.shape)) for n, w in found.items()))


def _left_vectors(matrix: Tensor) -> Tensor:
    """Left singular vectors ``(out, rank)``: those of singular value 0 are any basis of what the matrix leaves out."""
    u, s, _vh = torch.linalg.svd(matrix, full_matrices=False)
    # The usual threshold of numerical rank, as in numpy.linalg.matrix_rank.
    threshold = s[0] * max(matrix.shape) * torch.finfo(matrix.dtype).eps
    return u[:, s > threshold]


@measure(
    weights_card(
        slug="intruder-dimensions",
        title="Intruder dimensions",
        formula=r"\sum_{W} \#\{j \le k : \max_i |\langle u^{b}_j, u^{a}_i\rangle| < \varepsilon\}",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=False,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any network and one tuned from it",
        pitfalls="Directed: the first is the base, the second is tuned from it. Convolutions are matrices (out, "
        "in·height·width). Vectors of singular value 0 are left out. For unrelated networks nearly every "
        "vector is an intruder.",
        source="Shuttleworth et al. 2024, section 3; left singular vectors, summed over matrices",
        parameters=(
            Parameter(
                name="k",
                default=10,
                minimum=1,
                maximum=10000,
                help="Leading singular vectors of each matrix to examine.",
            ),
            Parameter(
                name="epsilon",
                default=0.5,
                minimum=0.0,
                maximum=1.0,
                help="Largest cosine of an intruder with any base vector.",
            ),
        ),
    ),
    prepare=spectra,
)
def intruder_dimensions(a: Spectra, b: Spectra, *, k: int, epsilon: float) -> Tensor:
    """How many of the strongest singular vectors of the tuned weights resemble none of the base."""
    if a.names != b.names:
        raise Undefined("Not comparable: different architectures.")
    count = 0
    for base, tuned in zip(a.vectors, b.vectors, strict=True):
        cosines = (base.T @ tuned[:, :k]).abs()
        nearest = cosines.amax(0) if len(cosines) else cosines.new_zeros(cosines.shape[1])
        count += int((nearest < epsilon - 1e-9).sum())
    return torch.tensor(float(count), dtype=torch.float64)
