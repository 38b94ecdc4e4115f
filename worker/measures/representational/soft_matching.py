"""Optimal transport between the units of two layers."""

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import Units, correlations, silence, transported, units_of


@measure(
    layer_card(
        slug="soft-matching",
        title="Soft matching distance",
        formula=r"\Big(\min_{T} \sum_{ij} T_{ij} \lVert x_i - y_j\rVert^2\Big)^{1/2},\quad T\mathbf 1 = "
        r"\tfrac1D,\ T^\top\mathbf 1 = \tfrac1{D^\prime}",
        low=0.0,
        high=2.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Units that never change are left out and counted. Every unit is centred and scaled to length 1, so 1 "
        "minus half the square is the mean correlation of matched units. Layers of different widths are refused above "
        "250,000 pairs of units.",
        source="Khosla & Williams 2024, section 3; units centred and of length 1",
        takes_positions=True,
    ),
    prepare=units_of,
    undefined="No unit of one of the layers ever changes.",
)
def soft_matching(x: Units, y: Units) -> Measurement:
    """Root of the mean squared distance of units after the cheapest transport of one layer onto the other."""
    value = (2 - 2 * transported(correlations(x, y))).clamp_min(0).sqrt()
    notes: dict[str, float | int | str] = {}
    if x.silent or y.silent:
        notes = {"silent_units": x.silent + y.silent}
    return Measurement(float(value), notes=notes, warning=silence(x, y))
