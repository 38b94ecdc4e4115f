"""Kurtosis of the weights."""

import torch
from torch import Tensor

from backend.contracts.cards import Change
from worker.measures.inputs import Undefined
from worker.measures.measure import Reading
from worker.measures.weights.layers import every_matrix, measure_of_matrices, profile


def kurtosis_of(values: Tensor) -> float | None:
    """Fourth moment over the squared variance of a tensor; None for a constant one."""
    centred = (values - values.mean()).flatten()
    variance = float(centred.square().mean())
    return float(centred.pow(4).mean()) / variance**2 if variance > 0 else None


@measure_of_matrices(
    slug="kurtosis",
    title="Kurtosis of the weights",
    formula=r"\frac{\mathbb{E}(w-\bar w)^4}{\big(\mathbb{E}(w-\bar w)^2\big)^2}",
    bounds=(1.0, None),
    ignores={Change.SCALE_WEIGHTS},
    reliable_from="any number of weights; a normal distribution gives 3",
    pitfalls="Pearson's kurtosis, not the excess above 3. Of all matrices pooled; the table gives each on its own.",
    source="Pearson 1905",
    prepare=every_matrix,
)
def kurtosis(weights: dict[str, Tensor]) -> Reading:
    """How heavy the tails of the weights are, all matrices together."""
    whole = kurtosis_of(torch.cat([w.flatten() for w in weights.values()]))
    if whole is None:
        raise Undefined("All weights are equal, so they have no kurtosis.")
    return Reading(whole, series=profile({n: kurtosis_of(w) for n, w in weights.items()}))
