"""Norm of the difference of two similarity matrices."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.numerics.progress import steps
from kinscape.worker.similarity.cosine_neighbours import unit_rows

# A strip of all models' matrices at a time.
STRIP_BYTES = 64 << 20


def rows_to_compare(features: Tensor, *, inner: str) -> Tensor:
    """Features in float64, at length 1 where their cosines are compared."""
    return unit_rows(features) if inner == "cosine" else features.to(torch.float64)


def has_directions(features: Tensor, *, inner: str) -> None:
    """Refuse samples without a direction where their cosines are compared."""
    if inner == "cosine":
        unit_rows(features)


def similarities(some: Tensor, others: Tensor, *, inner: str) -> Tensor:
    """Similarities (or distances) of some samples with others, ``(some, others)``."""
    if inner == "euclidean":
        return torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist")
    return some @ others.T


def whole_matrix(features: Tensor, *, inner: str) -> Tensor:
    """Sample-to-sample similarities (or distances) of one layer, ``(samples, samples)``."""
    x = rows_to_compare(features, inner=inner)
    return similarities(x, x, inner=inner)


def all_pairs(batch: Features, *, inner: str) -> PairResults:
    """Squared differences of strips of all matrices, by pair of groups: no whole matrix is ever held."""
    n, device = len(batch.items[0]), batch.items[0].device
    groups = batch.groups or (torch.arange(n),)
    order, sizes = torch.cat(list(groups)).to(device), [len(g) for g in groups]
    xs = [rows_to_compare(x, inner=inner)[order] for x in batch.items]
    others: dict[int, list[int]] = {}
    for p, i in enumerate(batch.pairs[:, 0].tolist()):
        others.setdefault(i, []).append(p)
    at_once = max(1, STRIP_BYTES // (8 * n * len(xs)))
    spans = [
        (g, rows) for g, some in enumerate(torch.arange(n, device=device).split(sizes)) for rows in some.split(at_once)
    ]
    sums = torch.zeros(len(groups), len(groups), len(batch.pairs), dtype=torch.float64)
    for g, rows in steps(spans):
        strips = torch.stack([similarities(x[rows], x, inner=inner) for x in xs])
        for i, places in others.items():
            gaps = (strips[i] - strips[batch.pairs[places, 1].to(device)]).square_().sum(1)
            sums[g][:, places] += torch.stack([part.sum(1) for part in gaps.split(sizes, 1)]).cpu()
    whole = sums.sum((0, 1))
    # What stays is added up again: one sample that is far larger than all others would take all digits with it.
    stays = ~torch.eye(len(groups), dtype=torch.bool)
    without = [sums[stay][:, stay].sum((0, 1)).sqrt() / (n - size) for stay, size in zip(stays, sizes, strict=True)]
    return PairResults(whole.sqrt() / n, torch.stack(without) if batch.groups else None)


@measure(
    layer_card(
        slug="rsm-norm-difference",
        title="RSM norm difference",
        formula=r"\frac{1}{N}\lVert S(X) - S(Y)\rVert_F",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Not scaled: a layer with larger features is far from every other. Frobenius norm, not the spectral "
        "norm.",
        source="Yin & Shen 2018, definition 1 (inner products), divided by N",
        parameters=(
            Parameter(
                name="inner",
                default="dot",
                choices=("dot", "cosine", "euclidean"),
                help="How two samples of one model are compared.",
            ),
        ),
    ),
    prepare=whole_matrix,
    all_pairs=FromFeatures(all_pairs, check=has_directions),
)
def rsm_norm_difference(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Root of the summed squared differences of the two similarity matrices, per sample."""
    return (x - y).norm() / len(x)
