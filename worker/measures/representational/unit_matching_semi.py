"""Correlation of each unit with its best partner."""

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import Units, correlations, silence, units_of


@measure(
    layer_card(
        slug="unit-matching-semi",
        title="Semi-matching of units",
        formula=r"\frac{1}{D}\sum_i \max_j \mathrm{corr}(x_i, y_j)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Directed: several units of the first layer may share a partner in the second. Units that never "
        "change are left out and counted; the note over all units takes their correlation as 0. The best of many "
        "partners is above 0 for independent features.",
        source="Li et al. 2016, section 3.3",
        takes_positions=True,
    ),
    prepare=units_of,
)
def unit_matching_semi(x: Units, y: Units) -> Measurement:
    """Mean correlation of the first layer's units, each with its best partner in the second."""
    best = correlations(x, y).amax(1)
    notes: dict[str, float | int | str] = {}
    if x.silent or y.silent:
        over_all = float(best.sum()) / (x.columns.shape[1] + x.silent)
        notes = {"silent_units": x.silent + y.silent, "over_all_units": over_all}
    return Measurement(float(best.mean().clamp(-1, 1)), notes=notes, warning=silence(x, y))
