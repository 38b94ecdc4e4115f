"""Kurtosis of the layers' kurtoses."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.kurtosis import OVER, counted, kurtosis_over_layers
from kinscape.worker.spectra.layers import profile


@measure(
    matrices_card(
        slug="kurtosis-of-kurtoses",
        title="Kurtosis of kurtoses",
        formula=r"K_2 = \operatorname{kurt}\big(\{\operatorname{kurt}(W_l)\}_l\big)",
        low=1.0,
        high=None,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="ten or more tensors; with L of them it cannot exceed L - 2 + 1/(L - 1)",
        pitfalls="One number per layer goes in, so few layers say little and its largest value grows with their "
        "number.",
        source="Mason-Williams & Dahlqvist 2024, what makes a good prune; Pearson's kurtosis twice",
        parameters=(OVER,),
    ),
    prepare=counted,
)
def kurtosis_of_kurtoses(weights: dict[str, Tensor], **_: object) -> Measurement:
    """Whether a few layers have far heavier tails than the others."""
    found, each = kurtosis_over_layers(weights)
    return Measurement(found, series=profile(each))
