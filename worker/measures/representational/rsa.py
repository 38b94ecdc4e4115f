"""Representational similarity analysis."""

import torch
from torch import Tensor

from backend.contracts.cards import (
    Change,
    Direction,
    Family,
    Input,
    Pace,
    Parameter,
    Question,
    Role,
    Uncertainty,
)
from worker.measures.inputs import Undefined
from worker.measures.measure import measure
from worker.measures.representational.gram import inner_products


def dissimilarities(features: Tensor, *, inner: str) -> Tensor:
    """Condensed matrix of sample-to-sample dissimilarities, ``(samples·(samples-1)/2,)``."""
    x = features.to(torch.float64)
    x = x / x.abs().max().clamp_min(1e-300)
    n = x.shape[0]
    if n < 3:
        raise Undefined(f"RSA needs at least 3 samples; there are {n}.")
    rows, columns = torch.triu_indices(n, n, offset=1)
    if inner == "euclidean":
        distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
        apart: Tensor = distances[rows, columns]
        return apart
    if inner == "correlation":
        x = x - x.mean(1, keepdim=True)
    length = x.norm(dim=1, keepdim=True)
    if bool((length <= 1e-12).any()):
        raise Undefined("Some samples have no variation over the features, so their correlation is 0/0.")
    x = x / length
    alike: Tensor = (x @ x.T)[rows, columns]
    return 1 - alike


def ranks(values: Tensor) -> Tensor:
    """Ranks from 0 of a vector, ties sharing their mean rank."""
    ordered, order = values.sort()
    _, inverse, counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).to(torch.float64)
    mean_rank = last - (counts.to(torch.float64) + 1) / 2
    out = torch.empty_like(values, dtype=torch.float64)
    out[order] = mean_rank[inverse]
    return out


def unit_dissimilarities(features: Tensor, *, inner: str, outer: str) -> Tensor:
    """Dissimilarities as the vector whose products are the chosen correlation."""
    vector = dissimilarities(features, inner=inner)
    if outer == "spearman":
        # Rounding would order exact ties at random; 12 digits keep them ties.
        vector = ranks(vector.mul(1e12).round())
    if outer != "cosine":
        vector = vector - vector.mean()
    length = vector.norm()
    if not float(length) > 1e-12:
        raise Undefined("All pairs of samples are equally dissimilar, so their correlation is 0/0.")
    unit: Tensor = vector / length
    return unit


@measure(
    slug="rsa",
    title="Representational similarity analysis",
    family=Family.REPRESENTATIONAL,
    question=Question.SEE_ALIKE,
    formula=r"\rho\big(\mathrm{RDM}(X), \mathrm{RDM}(Y)\big),\quad "
    r"\mathrm{RDM}_{ij} = 1 - \mathrm{corr}(x_i, x_j)",
    input=Input.FEATURES,
    bounds=(-1.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="50 samples",
    pitfalls="Features are used as given: with correlation dissimilarities a shift of one feature changes it. "
    "Ignores rotation only with the euclidean or cosine setting.",
    source="Kriegeskorte et al. 2008",
    parameters=(
        Parameter(
            name="inner", default="correlation", choices=("correlation", "euclidean", "cosine"),
            help="How two samples of one model are compared.",
        ),
        Parameter(
            name="outer", default="spearman", choices=("spearman", "pearson", "cosine"),
            help="How the two models' dissimilarities are compared.",
        ),
    ),
    pace=Pace.PRODUCT,
    prepare=unit_dissimilarities,
    matrix=inner_products,
)  # fmt: skip
def rsa(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Correlation of the two models' sample-to-sample dissimilarities."""
    return x @ y
