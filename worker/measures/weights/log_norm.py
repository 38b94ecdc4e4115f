"""Log norm of the weights."""

import math

from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, spectra
from kinscape.worker.spectra.layers import by_layer


def log_norm_of(spectrum: Spectrum) -> float | None:
    """Decimal logarithm of the squared Frobenius norm; None for a zero matrix."""
    return math.log10(spectrum.total) if spectrum.total > 0 else None


@measure(
    matrices_card(
        slug="log-norm",
        title="Log norm of the weights",
        formula=r"\frac1L\sum_l \log_{10}\lVert W_l\rVert_F^2",
        low=None,
        high=None,
        reliable_from="any matrix that is not zero",
        pitfalls="The squared Frobenius norm. Kernels are taken as they are; code that halves the eigenvalues of "
        "kernels differs by log10 2.",
        source="Martin, Peng & Mahoney 2021, equation 1",
    ),
    prepare=spectra,
)
def log_norm(found: dict[str, Spectrum]) -> Measurement:
    """Decimal logarithm of the squared Frobenius norm, mean over layers."""
    return by_layer(found, log_norm_of)
