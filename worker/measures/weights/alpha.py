"""Power-law exponent of the weights."""

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.eigenvalues import Spectrum, alpha_of, spectra
from kinscape.worker.spectra.layers import by_layer


@measure(
    matrices_card(
        slug="alpha",
        title="Power-law exponent of the weights",
        formula=r"\rho(\lambda) \sim \lambda^{-\alpha}\ \text{ on the tail of } \lambda(W^\top W)",
        low=1.0,
        high=None,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="20 or more eigenvalues in a layer; smaller layers are left out",
        pitfalls="The exponent of a fit that always exists: read the distance of the fit beside it. A kernel counts "
        "as one matrix per position, pooled. Means over layers hide which one is heavy.",
        source="Martin & Mahoney 2021; Clauset, Shalizi & Newman 2009, section 3",
    ),
    prepare=spectra,
)
def alpha(found: dict[str, Spectrum]) -> Measurement:
    """How fast the tails of the matrices' spectra fall, mean over layers."""
    return by_layer(found, alpha_of)
