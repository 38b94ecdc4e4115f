"""Units of one layer from few units of another."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined

# Proximal steps; most layers need a tenth of them.
MOST_STEPS = 500
# The largest change of a coefficient at which they end; coefficients are of standardised units.
STILL = 1e-6
# Each step multiplies a matrix of so many units with itself.
MOST_UNITS = 512
# Below this share of the samples' freedom nothing is left to tell the error by.
LEAST_FREEDOM = 0.05


@dataclass(frozen=True)
class Predicted:
    """How well units are predicted.

    Attributes:
        shares: ``(targets,)`` of those that vary: share of the variance for samples that were not fitted.
        used: mean number of units that predict one.
        is_still: whether the search for coefficients came to rest.
    """

    shares: Tensor
    used: float
    is_still: bool


def lasso(gram: Tensor, products: Tensor, penalty: float, *, steps: int = MOST_STEPS) -> tuple[Tensor, bool]:
    """Coefficients that minimise half the squared error plus an L1 penalty, of many targets at once.

    Args:
        gram: ``(units, units)`` correlations of the units that predict.
        products: ``(units, targets)`` their correlations with what is predicted.
        penalty: of the sum of absolute coefficients; from 1 on all are 0.

    Returns:
        ``(units, targets)``, by accelerated proximal gradient steps (Beck & Teboulle 2009) with restarts, and whether
        they came to rest.
    """
    step = 1 / float(torch.linalg.matrix_norm(gram, ord=2).clamp_min(1e-12))
    found = ahead = torch.zeros_like(products)
    momentum = 1.0
    for _ in range(steps):
        down = ahead - step * (gram @ ahead - products)
        new = down.sign() * (down.abs() - step * penalty).clamp_min(0)
        if float(((ahead - new) * (new - found)).sum()) > 0:
            momentum = 1.0
        after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        moved = new - found
        ahead = new + (momentum - 1) / after * moved
        found, momentum = new, after
        if float(moved.abs().amax()) < STILL:
            return found, True
    return found, False


def predicted(x: Tensor, y: Tensor, penalty: float) -> Predicted:
    """How well few units of one layer predict each unit of the other.

    The error on samples that were not fitted is estimated by generalised cross-validation: the squared error over the
    square of the freedom that the coefficients leave, which are as many as units are used (Zou, Hastie & Tibshirani
    2007), and the mean.

    Args:
        x: ``(samples, units)`` that predict.
        y: ``(samples, targets)``.

    Raises:
        Undefined: nothing varies, there are too many units, or so many are used that nothing tells the error.
    """
    if max(x.shape[1], y.shape[1]) > MOST_UNITS:
        raise Undefined(f"More than {MOST_UNITS:,} units are too many for sparse prediction; reduce the maps first.")
    (a, moves), (b, varies) = (_standardised(t) for t in (x, y))
    if not bool(moves.any()) or not bool(varies.any()):
        raise Undefined(f"No unit of the {'second' if bool(moves.any()) else 'first'} layer varies.")
    count, b = len(x), b[:, varies]
    weights, is_still = lasso(a.T @ a / count, a.T @ b / count, penalty)
    used = (weights != 0).to(torch.float64).sum(0)
    freedom = 1 - (used + 1) / count
    if bool((freedom < LEAST_FREEDOM).any()):
        raise Undefined(
            f"As many as {int(used.max())} units are used for {count} samples, so that nothing tells the error: take "
            "more samples, or a larger penalty."
        )
    wrong = (b - a @ weights).square().mean(0) / freedom.square()
    # The same of the mean alone, whose freedom is that of the samples but one.
    return Predicted(1 - wrong * (1 - 1 / count) ** 2, float(used.mean()), is_still)


def _standardised(values: Tensor) -> tuple[Tensor, Tensor]:
    """Units of mean 0 and variance 1, and which of them vary; those that do not are 0."""
    centred = values - values.mean(0)
    scale = centred.square().mean(0).sqrt()
    varies = scale > 1e-9 * values.abs().amax(0).clamp_min(1e-300)
    return centred / torch.where(varies, scale, torch.ones_like(scale)) * varies, varies
