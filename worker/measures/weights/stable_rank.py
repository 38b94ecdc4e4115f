"""Stable rank of the weights."""

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, spectra
from kinscape.worker.spectra.layers import by_layer


def stable_rank_of(spectrum: Spectrum) -> float | None:
    """Sum of squared singular values over the largest one; None for a zero matrix."""
    return spectrum.total / spectrum.largest if spectrum.largest > 0 else None


@measure(
    matrices_card(
        slug="stable-rank",
        title="Stable rank of the weights",
        formula=r"\frac1L\sum_l \frac{\lVert W_l\rVert_F^2}{\lVert W_l\rVert_2^2}",
        low=1.0,
        high=None,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any matrix; at most its smaller side",
        pitfalls="One large singular value makes it small whatever the others are. Values of a kernel's positions "
        "are pooled. Matrices of different sizes enter one mean: read the table.",
        source="Rudelson & Vershynin 2007, section 1",
    ),
    prepare=spectra,
)
def stable_rank(found: dict[str, Spectrum]) -> Measurement:
    """How many directions the matrices use, relative to the largest singular value, mean over layers."""
    return by_layer(found, stable_rank_of)
