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

# Singular values nearer than this share of the largest are equal up to the rounding of float32 weights.
SAME = 1e-6


class Spectra(NamedTuple):
    """Left singular vectors ``(out, rank)`` of every matrix, which of them share a value, and its name and shape."""

    vectors: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    names: tuple[tuple[str, tuple[int, ...]], ...]


def spectra(weights: Weights, **_: object) -> Spectra:
    """Left singular vectors of every matrix, as many as its numerical rank."""
    found = matrices(weights)
    vectors, values = zip(*map(_left_vectors, found.values()), strict=True)
    return Spectra(vectors, values, tuple((n, tuple(w.shape)) for n, w in found.items()))


def _left_vectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors ``(out, rank)``, and the number of the distinct value of each, ``(rank,)``.

    Those of singular value 0 are any basis of what the matrix leaves out, and those of equal values any basis of their
    space: only the space is a property of the matrix.
    """
    u, s, _vh = torch.linalg.svd(matrix, full_matrices=False)
    # The usual threshold of numerical rank, as in numpy.linalg.matrix_rank.
    threshold = s[0] * max(matrix.shape) * torch.finfo(matrix.dtype).eps
    kept = s[s > threshold]
    steps = torch.zeros(len(kept), dtype=torch.int64)
    if len(kept):
        steps[1:] = ((kept[:-1] - kept[1:]) > SAME * kept[0]).long()
    return u[:, s > threshold], steps.cumsum(0)


@measure(
    weights_card(
        slug="intruder-dimensions",
        version=2,
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
        "vector is an intruder. Base vectors of one singular value count as their space.",
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
    for base, values, tuned in zip(a.vectors, a.values, b.vectors, strict=True):
        cosines = base.T @ tuned[:, :k]
        spaces = cosines.new_zeros(int(values[-1]) + 1 if len(values) else 1, cosines.shape[1])
        nearest = spaces.index_add_(0, values, cosines.square()).amax(0).sqrt()
        count += int((nearest < epsilon - 1e-9).sum())
    return torch.tensor(float(count), dtype=torch.float64)
