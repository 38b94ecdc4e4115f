"""How well few units of one layer predict each unit of the other."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.kernels import as_given
from kinscape.worker.similarity.sparse_prediction import predicted


@measure(
    layer_card(
        slug="sparse-prediction",
        title="Sparse prediction of units",
        formula=r"\operatorname{mean}_j\; 1 - \frac{\lVert y_j - X w_j\rVert^2 / (1 - (s_j + 1)/N)^2}"
        r"{\lVert y_j - \bar y_j\rVert^2 / (1 - 1/N)^2},\quad s_j = \lVert w_j \rVert_0,\; "
        r"w_j = \arg\min_w \tfrac1{2N}\lVert y_j - Xw\rVert^2 + \lambda \lVert w\rVert_1",
        low=None,
        high=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="twice as many samples as the first layer has units",
        pitfalls="Directed: the first layer predicts the second. Even a layer predicts itself with less than 1, as the "
        "penalty shrinks every coefficient. Units that never vary are left out. Up to 512 units a layer.",
        source="Li et al. 2016, section 3.3 (sparse prediction); error for new samples by generalised cross-validation "
        "(Golub et al. 1979)",
        parameters=(
            Parameter(
                name="penalty",
                default=0.05,
                minimum=0.0001,
                maximum=0.999,
                help="Of the sum of absolute coefficients, for units of variance 1; from 1 on no unit is used.",
            ),
        ),
        takes_positions=True,
        pace=Pace.PATH,
        tolerance=1e-5,
    ),
    prepare=as_given,
)
def sparse_prediction(x: Tensor, y: Tensor, *, penalty: float) -> Measurement:
    """Share of a unit's variance that few units of the other layer predict for new samples, mean over units."""
    found = predicted(x, y, penalty)
    warning = "" if found.is_still else "The coefficients did not come to rest: take a larger penalty."
    return Measurement(float(found.shares.mean()), notes={"units_used": found.used}, warning=warning)
