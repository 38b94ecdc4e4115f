"""Log alpha-norm of the weights."""

import math

from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, alpha_of, spectra
from kinscape.worker.spectra.layers import by_layer


def alpha_norm_of(spectrum: Spectrum) -> float | None:
    """Decimal logarithm of the sum of eigenvalues raised to the exponent."""
    exponent = alpha_of(spectrum)
    if exponent is None:
        return None
    powers = (exponent * spectrum.above_rounding.log()).logsumexp(0)
    return float(powers) / math.log(10)


@measure(
    matrices_card(
        slug="log-alpha-norm",
        title="Log alpha-norm of the weights",
        formula=r"\frac1L\sum_l \log_{10}\sum_i \lambda_{i,l}^{\alpha_l}",
        low=None,
        high=None,
        reliable_from="20 or more eigenvalues in a layer; smaller layers are left out",
        pitfalls="Dominated by the largest eigenvalue where the exponent is large.",
        source="Martin, Peng & Mahoney 2021, equation 4",
    ),
    prepare=spectra,
)
def log_alpha_norm(found: dict[str, Spectrum]) -> Measurement:
    """Logarithm of the sum of eigenvalues raised to the power-law exponent, mean over layers."""
    return by_layer(found, alpha_norm_of)
