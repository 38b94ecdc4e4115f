"""Spectral entropy of the weights."""

import math

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, spectra
from kinscape.worker.spectra.entropy import entropy
from kinscape.worker.spectra.layers import by_layer


def spectral_entropy_of(spectrum: Spectrum) -> float | None:
    """Entropy of the shares of squared singular values over the largest possible one."""
    if not spectrum.total > 0 or len(spectrum.energies) < 2:
        return None
    return entropy(spectrum.energies / spectrum.total) / math.log(len(spectrum.energies))


@measure(
    matrices_card(
        slug="spectral-entropy",
        title="Spectral entropy of the weights",
        formula=r"-\frac{1}{\ln R}\sum_i p_i \ln p_i,\quad p_i = \lambda_i / \textstyle\sum_j \lambda_j",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="matrices with 20 or more singular values",
        pitfalls="Of the squared singular values, over the logarithm of how many there are (zeros too).",
        source="Martin & Mahoney 2021, matrix entropy",
    ),
    prepare=spectra,
)
def spectral_entropy(found: dict[str, Spectrum]) -> Measurement:
    """How evenly the energy of the matrices is spread over directions, mean over layers."""
    return by_layer(found, spectral_entropy_of)
