"""Jaccard similarity of nearest neighbours."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Parameter, Question, Role, Uncertainty
from worker.measures.inputs import Undefined
from worker.measures.measure import measure


def neighbours(features: Tensor, *, k: int) -> Tensor:
    """Numbers of the k nearest samples by cosine, ``(samples, k)``; ties go to the lower number."""
    n = features.shape[0]
    if k >= n:
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {n}.")
    x = features.to(torch.float64)
    length = x.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
    x = x / length
    # Twelve digits, so that equal cosines tie whatever the order of summation was.
    similarity = (x @ x.T).mul(1e12).round()
    if float(similarity.min()) == float(similarity.max()):
        raise Undefined("All samples point the same way, so none is nearer than another.")
    similarity.fill_diagonal_(-torch.inf)
    order: Tensor = similarity.sort(dim=1, descending=True, stable=True).indices
    return order[:, :k]


def jaccard(a: Tensor, b: Tensor) -> Tensor:
    """Jaccard index of neighbour lists ``(..., samples, k)``, mean over samples."""
    both = (a.unsqueeze(-1) == b.unsqueeze(-2)).sum((-1, -2)).to(torch.float64)
    return (both / (2 * a.shape[-1] - both)).mean(-1)


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor], *, k: int) -> Tensor:
    """One row of the matrix at a time, all columns at once."""
    stacked = torch.stack(list(right))
    return torch.stack([jaccard(a.unsqueeze(0), stacked) for a in left])


@measure(
    slug="knn-jaccard",
    title="Nearest-neighbour Jaccard",
    family=Family.REPRESENTATIONAL,
    question=Question.SEE_ALIKE,
    formula=r"\frac{1}{N}\sum_i \frac{|N_k(x_i)\cap N_k(y_i)|}{|N_k(x_i)\cup N_k(y_i)|}",
    input=Input.FEATURES,
    bounds=(0.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="10·k samples; chance is about k/(2N)",
    pitfalls="Local: sees only each sample's closest neighbours. Cosine of features as given, so a shift "
    "changes it. Ties go to the lower sample number.",
    source="Schumacher et al. 2020, section 3",
    parameters=(Parameter(name="k", default=10, minimum=1, maximum=1000, help="Neighbours per sample."),),
    prepare=neighbours,
    matrix=all_pairs,
)
def knn_jaccard(x: Tensor, y: Tensor, *, k: int) -> Tensor:
    """Overlap of each sample's nearest neighbours in the two layers."""
    return jaccard(x, y)
