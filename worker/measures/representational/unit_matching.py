"""Correlation of units that are matched one to one."""

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import Units, best_match, correlations, silence, units_of


@measure(
    layer_card(
        slug="unit-matching",
        title="Unit matching",
        formula=r"\frac{1}{m}\max_\pi \sum_{i=1}^{m} \mathrm{corr}(x_i, y_{\pi(i)}),\quad m = \min(D, D^\prime)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Signed: a unit that mirrors another does not match it. Units that never change are left out and "
        "counted; the note over all units takes their correlation as 0. The best of many matches is above 0 for "
        "independent features.",
        source="Li et al. 2016, section 3.2",
        takes_positions=True,
    ),
    prepare=units_of,
)
def unit_matching(x: Units, y: Units) -> Measurement:
    """Mean correlation of the units of two layers under the best one-to-one match."""
    matches = best_match(correlations(x, y))
    narrower = min(u.columns.shape[1] + u.silent for u in (x, y))
    notes: dict[str, float | int | str] = {}
    if x.silent or y.silent:
        notes = {"silent_units": x.silent + y.silent, "over_all_units": float(matches.sum()) / narrower}
    return Measurement(float(matches.mean().clamp(-1, 1)), notes=notes, warning=silence(x, y))
