"""Weighted power-law exponent."""

import math

from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, alpha_of, spectra
from kinscape.worker.spectra.layers import by_layer


def weighted_alpha_of(spectrum: Spectrum) -> float | None:
    """Exponent times the decimal logarithm of the largest eigenvalue."""
    exponent = alpha_of(spectrum)
    return None if exponent is None else exponent * math.log10(spectrum.largest)


@measure(
    matrices_card(
        slug="alpha-weighted",
        title="Weighted power-law exponent",
        formula=r"\frac1L\sum_l \alpha_l \log_{10}\lambda_{\max,l}",
        low=None,
        high=None,
        reliable_from="20 or more eigenvalues in a layer; smaller layers are left out",
        pitfalls="Scale of the weights and shape of the spectrum in one number; negative where the largest "
        "eigenvalue is below 1.",
        source="Martin, Peng & Mahoney 2021, equation 3",
    ),
    prepare=spectra,
)
def alpha_weighted(found: dict[str, Spectrum]) -> Measurement:
    """Power-law exponents weighted by the logarithm of the largest eigenvalue, mean over layers."""
    return by_layer(found, weighted_alpha_of)
