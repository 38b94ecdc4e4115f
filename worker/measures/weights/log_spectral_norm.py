"""Log spectral norm of the weights."""

import math

from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, spectra
from kinscape.worker.spectra.layers import by_layer


def log_spectral_norm_of(spectrum: Spectrum) -> float | None:
    """Decimal logarithm of the largest squared singular value; None for a zero matrix."""
    return math.log10(spectrum.largest) if spectrum.largest > 0 else None


@measure(
    matrices_card(
        slug="log-spectral-norm",
        title="Log spectral norm of the weights",
        formula=r"\frac1L\sum_l \log_{10}\lVert W_l\rVert_2^2",
        low=None,
        high=None,
        reliable_from="any matrix that is not zero",
        pitfalls="The squared largest singular value; for a kernel the largest of its positions, which is not the "
        "norm of the convolution.",
        source="Martin, Peng & Mahoney 2021, equation 2",
    ),
    prepare=spectra,
)
def log_spectral_norm(found: dict[str, Spectrum]) -> Measurement:
    """Decimal logarithm of the largest eigenvalue of the matrices, mean over layers."""
    return by_layer(found, log_spectral_norm_of)
