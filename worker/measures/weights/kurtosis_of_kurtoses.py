"""Kurtosis of the layers' kurtoses."""

import torch
from torch import Tensor

from backend.contracts.cards import Change
from worker.measures.inputs import Undefined
from worker.measures.measure import Reading
from worker.measures.weights.kurtosis import kurtosis_of
from worker.measures.weights.layers import every_matrix, measure_of_matrices, profile

FEWEST_LAYERS = 3


def kurtosis_over_layers(weights: dict[str, Tensor]) -> tuple[float, dict[str, float | None]]:
    """The kurtosis of the matrices' kurtoses, and those kurtoses by name."""
    each = {n: kurtosis_of(w) for n, w in weights.items()}
    known = [v for v in each.values() if v is not None]
    if len(known) < FEWEST_LAYERS:
        raise Undefined(f"It needs three matrices whose weights are not all equal; there are {len(known)}.")
    found = kurtosis_of(torch.tensor(known, dtype=torch.float64))
    if found is None:
        raise Undefined("All matrices have the same kurtosis.")
    return found, each


@measure_of_matrices(
    slug="kurtosis-of-kurtoses",
    title="Kurtosis of kurtoses",
    formula=r"K_2 = \operatorname{kurt}\big(\{\operatorname{kurt}(W_l)\}_l\big)",
    bounds=(1.0, None),
    ignores={Change.SCALE_WEIGHTS},
    reliable_from="ten or more matrices; with L matrices it cannot exceed L - 2 + 1/(L - 1)",
    pitfalls="One number per layer goes in, so few layers say little and its largest value grows with their number.",
    source="Mason-Williams & Dahlqvist 2024, what makes a good prune; Pearson's kurtosis twice",
    prepare=every_matrix,
)
def kurtosis_of_kurtoses(weights: dict[str, Tensor]) -> Reading:
    """Whether a few layers have far heavier tails than the others."""
    found, each = kurtosis_over_layers(weights)
    return Reading(found, series=profile(each))
