"""How well one layer predicts the other, on samples it was not fitted to."""

from typing import NamedTuple

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.canonical_correlations import basis
from kinscape.worker.similarity.kernels import centred


class BasisAndUnits(NamedTuple):
    """An orthonormal basis ``(samples, rank)``, and the centred units ``(samples, width)``."""

    basis: Tensor
    units: Tensor


def fitted(features: Tensor, **_: object) -> BasisAndUnits:
    """Basis and units of one layer."""
    return BasisAndUnits(basis(features), centred(features))


@measure(
    layer_card(
        slug="linear-regression",
        version=2,
        title="Linear regression, leave-one-out",
        formula=r"1 - \frac{\sum_i \lVert y_i - \hat y_{-i}\rVert^2}{\sum_i \lVert y_i - \bar "
        r"y_{-i}\rVert^2},\quad \hat y_{-i} \text{ fitted without sample } i",
        low=None,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.ROTATE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        ignores_of_second={
            Change.PERMUTE_FEATURES,
            Change.ROTATE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="ten samples per feature of the first layer",
        pitfalls="Directed: the first layer predicts the second. Below 0 where the mean predicts better, which "
        "it does for independent features. In-sample R2 of independent features would be D/N.",
        source="Kornblith et al. 2019, table 1; leave-one-out residuals: Allen 1974",
    ),
    prepare=fitted,
)
def linear_regression(x: BasisAndUnits, y: BasisAndUnits) -> Tensor:
    """Share of the variance of the second layer that a linear map of the first predicts for new samples."""
    leverage = x.basis.square().sum(1) + 1 / len(x.basis)
    if float(leverage.amax()) > 1 - 1e-9:
        raise Undefined(
            f"{x.basis.shape[1]} dimensions fit some of {len(x.basis)} samples whatever they are; "
            "more samples are needed."
        )
    left = y.units - x.basis @ (x.basis.T @ y.units)
    wrong = (left / (1 - leverage)[:, None]).square().sum()
    n = len(x.basis)
    return 1 - wrong / (y.units.square().sum() * (n / (n - 1)) ** 2)
