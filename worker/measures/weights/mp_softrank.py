"""Marchenko-Pastur soft rank."""

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, spectra
from kinscape.worker.spectra.layers import by_layer
from kinscape.worker.spectra.marchenko_pastur import FEWEST, bulk_edge_per_median


def softrank_of(spectrum: Spectrum) -> float | None:
    """Upper edge of the bulk over the largest eigenvalue; None for fewer than 20 eigenvalues."""
    if len(spectrum.energies) < FEWEST or not spectrum.largest > 0:
        return None
    return float(spectrum.energies.median()) * bulk_edge_per_median(spectrum.ratio) / spectrum.largest


@measure(
    matrices_card(
        slug="mp-softrank",
        title="Marchenko-Pastur soft rank",
        formula=r"\frac1L\sum_l \frac{\lambda^+_l}{\lambda_{\max,l}},\quad \lambda^+ = s^2 \big(1 + "
        r"\sqrt{\gamma}\big)^2",
        low=0.0,
        high=None,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="20 or more eigenvalues in a layer; smaller layers are left out",
        pitfalls="The bulk is fitted so that its median is that of the eigenvalues, which is valid while less than "
        "half of them are signal. Near 1 or above: nothing stands out of the bulk.",
        source="Martin & Mahoney 2021, soft rank; bulk by its median: Gavish & Donoho 2014, section 3",
    ),
    prepare=spectra,
)
def mp_softrank(found: dict[str, Spectrum]) -> Measurement:
    """Where the bulk of the eigenvalues ends, compared with the largest, mean over layers."""
    return by_layer(found, softrank_of)
