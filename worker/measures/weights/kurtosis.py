"""Kurtosis of the weights."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.kurtosis import kurtosis_of
from kinscape.worker.spectra.layers import every_matrix, profile


@measure(
    matrices_card(
        slug="kurtosis",
        title="Kurtosis of the weights",
        formula=r"\frac{\mathbb{E}(w-\bar w)^4}{\big(\mathbb{E}(w-\bar w)^2\big)^2}",
        low=1.0,
        high=None,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any number of weights; a normal distribution gives 3",
        pitfalls="Pearson's kurtosis, not the excess above 3. Of all matrices pooled; the table gives each matrix "
        "separately.",
        source="Pearson 1905",
    ),
    prepare=every_matrix,
)
def kurtosis(weights: dict[str, Tensor]) -> Measurement:
    """How heavy the tails of the weights are, all matrices together."""
    whole = kurtosis_of(torch.cat([w.flatten() for w in weights.values()]))
    if whole is None:
        raise Undefined("All weights are equal, so they have no kurtosis.")
    return Measurement(whole, series=profile({n: kurtosis_of(w) for n, w in weights.items()}))
