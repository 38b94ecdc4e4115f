"""Effective rank of the weights."""

import math

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, spectra
from kinscape.worker.spectra.entropy import entropy
from kinscape.worker.spectra.layers import by_layer


def effective_rank_of(spectrum: Spectrum) -> float | None:
    """Exponential of the entropy of the singular values' shares; None for a zero matrix."""
    sizes = spectrum.above_rounding.sqrt()
    total = float(sizes.sum())
    return math.exp(entropy(sizes / total)) if total > 0 else None


@measure(
    matrices_card(
        slug="effective-rank",
        title="Effective rank of the weights",
        formula=r"\exp\!\Big(-\sum_i p_i \ln p_i\Big),\quad p_i = \sigma_i / \textstyle\sum_j \sigma_j",
        low=1.0,
        high=None,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any matrix; at most its smaller side",
        pitfalls="Of the singular values themselves, not of their squares, so small ones weigh more than in the "
        "stable rank. Matrices of different sizes enter one mean: read the table.",
        source="Roy & Vetterli 2007, definition 1",
    ),
    prepare=spectra,
)
def effective_rank(found: dict[str, Spectrum]) -> Measurement:
    """How many directions the matrices use, by the entropy of their singular values."""
    return by_layer(found, effective_rank_of)
